"""[metrics]: numbers for Prometheus."""

from __future__ import annotations

from pydantic import Field

from reconciler.settings.base import Section
from reconciler.settings.fields import OptionalListen, OptionalPath


class Metrics(Section):
    """Numbers for Prometheus: by HTTP, or as a text file for the node exporter."""

    listen: OptionalListen = Field("127.0.0.1:9187", description='Address and port of the HTTP server; "" for none.')
    textfile: OptionalPath = Field(
        "", description="The file for node-exporter's textfile collector, ending in .prom; those not called postfix "
        "put their name before that.",
    )  # fmt: skip
