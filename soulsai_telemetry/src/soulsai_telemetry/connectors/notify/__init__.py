"""Messages to a phone or a chat, by ntfy, Discord or any webhook: started, finished, failed, stuck, well again, a new
best."""

from soulsai_telemetry.connectors.notify.connector import Notify, plugin

__all__ = ["Notify", "plugin"]
