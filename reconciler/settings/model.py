"""All sections: the file as a whole, and the environment over it."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from reconciler.settings.agent import Agent
from reconciler.settings.alerts import Alerts
from reconciler.settings.forge import Forge
from reconciler.settings.instance import Instance
from reconciler.settings.metrics import Metrics
from reconciler.settings.present import DELIMITER, PREFIX
from reconciler.settings.publish import Publish
from reconciler.settings.source import Source
from reconciler.settings.store import Store
from reconciler.settings.trust import Trust
from reconciler.settings.webhook import Webhook


class Settings(BaseSettings):
    """Configuration of this program on this host: /etc/reconciler/reconciler.toml."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=DELIMITER,
        env_nested_max_split=1,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=False,
    )

    source: Source = Field(default_factory=Source)
    trust: Trust = Field(default_factory=Trust)
    instance: Instance = Field(default_factory=Instance)
    agent: Agent = Field(default_factory=Agent)
    store: Store = Field(default_factory=Store)
    alerts: Alerts = Field(default_factory=Alerts)
    metrics: Metrics = Field(default_factory=Metrics)
    webhook: Webhook = Field(default_factory=Webhook)
    publish: Publish = Field(default_factory=Publish)
    forge: Forge = Field(default_factory=Forge)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 # the signature is pydantic-settings'
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, which `load` hands in; nothing else is asked."""
        return env_settings, init_settings
