"""The error answers of ROS, with the codes and messages of its API reference."""

from __future__ import annotations

from localcloud.core.errors import ApiError


def stack_not_found(name: str) -> ApiError:
    """No stack of that id in the region."""
    return ApiError(404, "StackNotFound", f"The Stack ({name}) could not be found.")


def stack_exists(name: str) -> ApiError:
    """A living stack of the region already bears the name."""
    return ApiError(409, "StackExists", f"The Stack ({name}) already exists.")


def action_in_progress(name: str, action: str) -> ApiError:
    """The stack is busy with another operation."""
    return ApiError(409, "ActionInProgress", f"Stack {name} already has an action ({action}) in progress.")


def resource_not_found(name: str, stack: str) -> ApiError:
    """The stack has no resource of that logical id."""
    return ApiError(404, "ResourceNotFound", f"The Resource ({name}) could not be found in Stack {stack}.")


def resource_not_available(name: str) -> ApiError:
    """The resource exists but cannot take what was asked of it now."""
    return ApiError(404, "ResourceNotAvailable", f"The Resource ({name}) is not available.")


def not_supported(what: str) -> ApiError:
    """ROS refuses, or this local cloud does not emulate, what was asked."""
    return ApiError(400, "NotSupported", what)


def invalid_template(why: str) -> ApiError:
    """The text is no template."""
    return ApiError(400, "InvalidTemplate", why)


def invalid_section(name: str) -> ApiError:
    """A template, or one of its entries, has a key that the language does not know."""
    return ApiError(400, "InvalidTemplateSection", f"The template section is invalid: {name}")


def invalid_version(version: object) -> ApiError:
    """The template's format version is absent or unknown."""
    return ApiError(
        400,
        "InvalidTemplateVersion",
        f'The template version is invalid: "ROSTemplateFormatVersion: {version}". '
        '"ROSTemplateFormatVersion" should be: 2015-09-01',
    )


def invalid_schema(why: str) -> ApiError:
    """A parameter is declared wrongly."""
    return ApiError(400, "InvalidSchema", why)


def invalid_reference(name: str, where: str) -> ApiError:
    """A Ref, Fn::GetAtt, DependsOn or condition names nothing that the template has."""
    return ApiError(
        400, "InvalidTemplateReference", f'The specified reference "{name}" (in {where}) is incorrect.'
    )


def invalid_attribute(resource: str, attribute: str) -> ApiError:
    """Fn::GetAtt asks for an attribute that the resource type lacks."""
    return ApiError(
        400,
        "InvalidTemplateAttribute",
        f"The Referenced Attribute ({resource} {attribute}) is incorrect.",
    )


def circular_dependency(names: list[str]) -> ApiError:
    """Resources wait for one another."""
    return ApiError(400, "CircularDependency", f"Circular Dependency Found: {', '.join(names)}")


def validation_failed(why: str) -> ApiError:
    """Template and parameters do not make a stack."""
    return ApiError(400, "StackValidationFailed", why)


def property_type(where: str, why: str) -> ApiError:
    """A function or property has a value of the wrong shape."""
    return ApiError(400, "InvalidTemplatePropertyType", f"{where}: {why}")


def unknown_parameter(name: str) -> ApiError:
    """The caller sent a parameter that the template does not declare."""
    return ApiError(400, "UnknownUserParameter", f"The Parameter ({name}) was not defined in template.")


def missing_parameter(name: str) -> ApiError:
    """A parameter without default was not sent."""
    return ApiError(400, "UserParameterMissing", f"The Parameter ({name}) was not provided.")
