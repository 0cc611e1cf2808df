"""Django REST framework: keys authenticate, and scopes are permissions.

    keyfob --store keys.redb init --prefix acme
    keyfob --store keys.redb create "CI deploy" --scope orders:read
    gunicorn drf_app:app --workers 4
"""

from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["keyfob.django", "rest_framework"],
    KEYFOB={"PATH": "keys.redb"},
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["keyfob.django.drf.KeyAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
        "UNAUTHENTICATED_USER": None,  # where django.contrib.auth is not installed
    },
)

from django.core.wsgi import get_wsgi_application
from django.urls import path
from keyfob.django.drf import HasScope, KeyRequest
from rest_framework.response import Response
from rest_framework.views import APIView


class Orders(APIView):
    permission_classes = [HasScope("orders:read")]

    def get(self, request: KeyRequest) -> Response:
        return Response({"key": request.auth.id})


urlpatterns = [path("orders", Orders.as_view())]
app = get_wsgi_application()
