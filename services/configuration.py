"""The whole configuration file: the sections of all services."""

from services.alert.settings import AlertSettings
from services.classify.settings import ClassifySettings
from services.ingest.settings import IngestSettings
from services.query.settings import QuerySettings


class Configuration(IngestSettings, ClassifySettings, AlertSettings, QuerySettings):
    """`brandmelder.yaml`. Each service asks for its own part of it only."""
