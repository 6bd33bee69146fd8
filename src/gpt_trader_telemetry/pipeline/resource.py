"""The OpenTelemetry resource: who it is that these metrics come from."""

import os
import uuid
from typing import Final

from opentelemetry.sdk.resources import Resource

from gpt_trader_telemetry.errors import ConfigurationError
from gpt_trader_telemetry.process_end import is_child_of_multiprocessing
from gpt_trader_telemetry.settings import Settings, environment

SERVICE_NAME: Final = "service.name"
INSTANCE_ID: Final = "service.instance.id"


def make_resource(settings: Settings) -> Resource:
    """Return the resource of this process, with an instance id of its own unless the settings name one.

    In children of ``multiprocessing`` a name from the environment is the parent's too, and totals under one name would
    overwrite each other: there it is told apart by the process id.
    """
    named = settings.resource_attributes.get(INSTANCE_ID)
    if named and is_child_of_multiprocessing() and named == _named_by_environment():
        named = _told_apart(named)
    attributes = {
        **settings.resource_attributes,
        SERVICE_NAME: settings.service_name,
        INSTANCE_ID: named or str(uuid.uuid4()),
    }
    return Resource.create(attributes)


def forked_resource(settings: Settings) -> Resource:
    """Return the resource of a forked child: an instance named by the settings is told apart by its process id."""
    named = settings.resource_attributes.get(INSTANCE_ID)
    if named is None:
        return make_resource(settings)
    attributes = {**settings.resource_attributes, INSTANCE_ID: _told_apart(named)}
    return make_resource(settings.with_changes(resource_attributes=attributes))


def _told_apart(named: str) -> str:
    return f"{named}-{os.getpid()}"


def _named_by_environment() -> str | None:
    try:
        return Settings.from_env(environment("OTEL_RESOURCE_ATTRIBUTES")).resource_attributes.get(INSTANCE_ID)
    except ConfigurationError:  # then these settings are not from there
        return None
