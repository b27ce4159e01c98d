"""The software package: everything that a machine needs to become a node, in one archive."""

from wdrip.nodes.package.build import DEFAULT_VERSION, BuiltPackage, build_package, package_name

__all__ = ["DEFAULT_VERSION", "BuiltPackage", "build_package", "package_name"]
