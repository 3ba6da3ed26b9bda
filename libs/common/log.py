"""Structured logs: one line per event, a constant sentence with fields."""

import logging
import sys
from typing import Literal

import structlog

LogFormat = Literal["json", "console"]


def configure_logging(
    log_format: LogFormat = "json",
    handler: logging.Handler | None = None,
    *,
    troubles: bool = False,
    level: int = logging.INFO,
) -> None:
    """Sends structlog's and the standard library's records to `handler` alike (standard error).

    troubles: warnings and errors go to standard error besides; not pages, which people are shown
    in another way there.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    last: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if log_format == "json"
        else [
            structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    handlers: list[logging.Handler] = [handler or logging.StreamHandler(sys.stderr)]
    if troubles:
        aside = logging.StreamHandler(sys.stderr)
        aside.setLevel(logging.WARNING)
        aside.addFilter(lambda record: not record.name.endswith(".notifiers.log"))
        handlers.append(aside)
    for each in handlers:
        each.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
                foreign_pre_chain=shared,
            )
        )
    root = logging.getLogger()
    root.handlers[:] = handlers
    root.setLevel(level)
    for chatty in ("aiokafka", "httpx", "httpcore", "alembic", "uvicorn"):
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))
