"""HTTP and WebSocket entry point."""

import gc
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlpanel.settings")

from django.core.asgi import get_asgi_application

http = get_asgi_application()

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator

from controlpanel.checks import refuse_unsafe_settings
from controlpanel.operations.routing import websocket_urlpatterns
from members.api.websocket import SecondFactorMiddleware, TokenMiddleware

refuse_unsafe_settings()

router = URLRouter(websocket_urlpatterns)
by_session = AllowedHostsOriginValidator(AuthMiddlewareStack(SecondFactorMiddleware(router)))
application = ProtocolTypeRouter({"http": http, "websocket": TokenMiddleware(router, otherwise=by_session)})

# What has been loaded stays for good. Else a full collection looks through all of it, and the request that it falls
# into waits 150 ms.
gc.collect()
gc.freeze()
