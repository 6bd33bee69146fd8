"""The OpenTelemetry resource: who it is that these metrics come from."""

import os
import uuid
from typing import Final

from opentelemetry.sdk.resources import Resource

from gpt_trader_telemetry.settings import Settings

SERVICE_NAME: Final = "service.name"
INSTANCE_ID: Final = "service.instance.id"


def make_resource(settings: Settings) -> Resource:
    """Return the resource of this process, with an instance id of its own unless the settings name one."""
    named = settings.resource_attributes.get(INSTANCE_ID)
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
    attributes = {**settings.resource_attributes, INSTANCE_ID: f"{named}-{os.getpid()}"}
    return make_resource(settings.with_changes(resource_attributes=attributes))
