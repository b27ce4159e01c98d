"""Bodies of answers and requests as XML."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias
from xml.etree import ElementTree as ET

from aiohttp import web

from localcloud.oss.errors import malformed_xml

Fields: TypeAlias = "Sequence[tuple[str, str | int | bool | Fields]]"


def answer(root: str, content: str | Fields) -> web.Response:
    """A successful answer with an XML body: text, or element names with text or fields of their own."""
    element = ET.Element(root)
    _fill(element, content)
    body = bytes(ET.tostring(element, encoding="utf-8", xml_declaration=True))
    return web.Response(body=body, content_type="application/xml")


def timestamp(moment: datetime) -> str:
    """As OSS writes times: `2026-11-23T17:51:19.000Z`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def parse(body: bytes, root: str) -> ET.Element:
    """The document element, which must be named `root`. Raises MalformedXML (400)."""
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise malformed_xml()
    try:
        element = ET.fromstring(body)  # noqa: S314 - declarations are refused above
    except ET.ParseError as error:
        raise malformed_xml() from error
    if element.tag != root:
        raise malformed_xml()
    return element


def _fill(element: ET.Element, content: str | int | bool | Fields) -> None:
    if isinstance(content, bool):
        element.text = str(content).lower()
    elif isinstance(content, str | int):
        element.text = str(content)
    else:
        for name, inner in content:
            _fill(ET.SubElement(element, name), inner)
