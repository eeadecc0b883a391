"""WebSocket URLs."""

from django.urls import re_path

from .consumers import OperationConsumer

websocket_urlpatterns = [re_path(r"^ws/operations/(?P<operation_id>\d{1,18})/$", OperationConsumer.as_asgi())]
