"""An RTSP camera that sends H.264, run by the system's Python.  usage: rtsp_camera.py PORT [LOGIN]

Prints `READY <port>` and serves `rtsp://127.0.0.1:<port>/cam`. LOGIN is `user:password`.
Needs Debian's packages python3-gi, gir1.2-gst-rtsp-server-1.0 and
gstreamer1.0-plugins-{base,good,ugly}.
"""

from __future__ import annotations

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 # fmt: skip

_PIPELINE = (
    "( videotestsrc is-live=true pattern=ball"
    " ! video/x-raw,format=I420,width=320,height=240,framerate=25/1"
    " ! x264enc tune=zerolatency speed-preset=ultrafast bitrate=400 key-int-max=25"
    " ! rtph264pay name=pay0 pt=96 config-interval=1 )"
)


def _serve(port: str, login: str | None) -> None:
    Gst.init(None)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(_PIPELINE)
    factory.set_shared(True)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    if login:
        _protect(server, factory, *login.split(":"))
    server.get_mount_points().add_factory("/cam", factory)
    server.attach(None)
    print("READY", server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


def _protect(server: object, factory: object, user: str, password: str) -> None:
    role = "watcher"
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", role)
    guard = GstRtspServer.RTSPAuth()
    basic = GstRtspServer.RTSPAuth.make_basic(user, password)
    guard.add_basic(basic, token)
    server.set_auth(guard)  # type: ignore[attr-defined]
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role(role, "media.factory.access", True)
    permissions.add_permission_for_role(role, "media.factory.construct", True)
    factory.set_permissions(permissions)  # type: ignore[attr-defined]


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
