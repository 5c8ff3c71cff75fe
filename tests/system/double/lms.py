"""Doubles of two LMSs' REST APIs, as their documentation describes them: Open edX (OAuth 2.0, course blocks, courses, Studio's olx-export and libraries
v2) and Moodle (web services). Each notes every request, and can be made slow, broken, full or elsewhere."""
import hashlib
import http.server
import json
import re
import threading
import time
import urllib.parse


class Lms:
    """What both share. `requests`: dicts of method, path, query, form, headers. `fault(request)`: a reply in place of the real one, or None."""

    def __init__(self):
        self.requests, self.fault, self.etags, self.base_path = [], None, True, ""
        self._lock = threading.Lock()
        double = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def _handle(self):
                address = urllib.parse.urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                request = {"method": self.command, "path": urllib.parse.unquote(address.path), "raw": self.path, "headers": dict(self.headers),
                           "query": dict(urllib.parse.parse_qsl(address.query, keep_blank_values=True)),
                           "form": dict(urllib.parse.parse_qsl(body, keep_blank_values=True))}
                with double._lock:
                    double.requests.append(request)
                reply = (double.fault and double.fault(request)) or double.answer(request)
                status, content, headers = (*reply, {})[:3]
                content = content if isinstance(content, bytes) else content.encode() if isinstance(content, str) else json.dumps(content).encode()
                if status == 200 and double.etags and request["method"] == "GET":
                    tag = f'"{hashlib.sha256(content).hexdigest()[:20]}"'
                    headers = {**headers, "ETag": tag}
                    if self.headers.get("If-None-Match") == tag:
                        status, content = 304, b""
                request["status"] = status
                try:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    if status != 304:
                        self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                except OSError:
                    self.close_connection = True

            do_GET = do_POST = _handle

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads, request_queue_size = True, 64

            def handle_error(self, *_):
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def clear(self):
        """Forgets the requests and their faults."""
        self.requests.clear()
        self.fault = None

    def seen(self, part):
        return [r for r in self.requests if part in r["path"] or part == r["form"].get("wsfunction")]


def slow(seconds):
    def fault(_):
        time.sleep(seconds)
    return fault


class OpenEdx(Lms):
    """`blocks`: id → {"type", "display_name", "children", "html", "olx", "showanswer", "show_correctness", "only" (users), "staff_only"}."""

    def __init__(self, client=("lectern", "s3cret-of-the-client"), staff=("lectern-worker", "prof")):
        self.client, self.staff, self.tokens, self.html_enabled = client, set(staff), {}, True
        self.course, self.blocks, self.libraries, self.token_seconds, self.users = None, {}, {}, 3600, {"ada", "ben", "prof"}
        self.page_size = 2
        super().__init__()

    # ---- the course of the tests ----
    def key(self, kind, name):
        return f"block-v1:{self.course['id'].split(':', 1)[1]}+type@{kind}+block@{name}"

    def add(self, kind, name, parent=None, **more):
        key = self.key(kind, name)
        self.blocks[key] = {"type": kind, "display_name": more.pop("display_name", name.title()), "children": [], **more}
        if parent:
            self.blocks[parent]["children"].append(key)
        return key

    def visible(self, key, user):
        block = self.blocks[key]
        return user in self.staff or user is None or (not block.get("staff_only") and user in block.get("only", {user}))

    # ---- answers ----
    def answer(self, request):
        path = request["path"]
        if path == "/oauth2/access_token/":
            return self.give_token(request["form"])
        scheme, _, token = request["headers"].get("Authorization", "").partition(" ")
        if scheme != "JWT" or self.tokens.get(token, 0) < time.time():
            return 401, {"detail": "Authentication credentials were not provided."}
        for pattern, give in ((r"/api/courses/v([12])/blocks/(.*?)/?", self.give_blocks), (r"/api/courses/v1/courses/(.*?)/?", self.give_course),
                              (r"/api/olx-export/v1/xblock/(.+)/", self.give_olx), (r"/api/libraries/v2/blocks/(.+?)/(olx/)?", self.give_library_block),
                              (r"/api/libraries/v2/([^/]+)/(blocks/)?", self.give_library)):
            found = re.fullmatch(pattern, path)
            if found:
                return give(request["query"], *found.groups())
        return 404, {"detail": "Not found."}

    def give_token(self, form):
        if (form.get("client_id"), form.get("client_secret")) != self.client or form.get("grant_type") != "client_credentials":
            return 401, {"error": "invalid_client"}
        token = f"header.{len(self.tokens)}-{time.time_ns()}.signature"
        self.tokens[token] = time.time() + self.token_seconds
        return 200, {"access_token": token, "expires_in": self.token_seconds, "token_type": "JWT", "scope": "read"}

    def give_blocks(self, query, version, usage):
        if query.get("all_blocks") == "true":
            user = None
        elif "username" not in query:
            return 400, {"username": ["This field is required unless all_blocks is requested."]}
        else:
            user = query["username"]
            if user not in self.users | self.staff:
                return 404, {"developer_message": "Requested user does not exist."}
        root = usage or next(key for key, b in self.blocks.items() if b["type"] == "course")
        if not usage and query.get("course_id") != self.course["id"]:
            return 404, {"developer_message": "Course not found"}
        if root not in self.blocks or not self.reachable(root, user):
            return 404, {"developer_message": "Block not found"}
        depth = float("inf") if query.get("depth") == "all" else int(query.get("depth") or 0)
        blocks = {}
        self.gather(root, user, depth, query, blocks)
        return 200, {"root": root, "blocks": blocks}

    def reachable(self, key, user):
        """Not below anything that the user may not see."""
        parents = {child: parent for parent, b in self.blocks.items() for child in b["children"]}
        while key:
            if not self.visible(key, user):
                return False
            key = parents.get(key)
        return True

    def gather(self, key, user, depth, query, into):
        fields, block = query.get("requested_fields", "").split(","), self.blocks[key]
        shown = {"id": key, "type": block["type"], "display_name": block["display_name"], "lms_web_url": f"{self.url}/courses/{self.course['id']}/jump_to/{key}",
                 "student_view_url": f"{self.url}/xblock/{key}"}
        for name in ("showanswer", "show_correctness"):
            if name in fields and name in block:
                shown[name] = block[name]
        if block["type"] in query.get("student_view_data", "").split(",") and "html" in block:
            shown["student_view_data"] = {"enabled": True, "html": block["html"]} if self.html_enabled else {
                "enabled": False, "message": 'To enable, set FEATURES["ENABLE_HTML_XBLOCK_STUDENT_VIEW_DATA"]'}
        into[key] = shown
        children = [child for child in block["children"] if self.visible(child, user)]
        if depth > 0 and children:
            if "children" in fields:
                shown["children"] = children
            for child in children:
                self.gather(child, user, depth - 1, query, into)

    def give_course(self, query, course):
        if not course:
            return 200, {"results": [], "pagination": {"count": 0, "next": None}}
        return (200, self.course) if course == self.course["id"] else (404, {"developer_message": "Course not found."})

    def give_olx(self, _, key):
        if "olx" not in self.blocks.get(key, {}):
            return 404, {"detail": "Not found."}
        return 200, {"root_block_id": key, "blocks": {key: {"olx": self.blocks[key]["olx"]}}}

    def give_library(self, query, library, blocks):
        if library not in self.libraries:
            return 404, {"detail": "Not found."}
        found = self.libraries[library]
        if not blocks:
            return 200, {"id": library, "title": found["title"], "description": found["description"], "num_blocks": len(found["blocks"])}
        page, rows = int(query.get("page", 1)), [{"id": k, "block_type": k.split(":")[3], "display_name": b["display_name"]} for k, b in found["blocks"].items()]
        more = page * self.page_size < len(rows)
        return 200, {"next": f"{self.url}/?page={page + 1}" if more else None, "previous": None, "count": len(rows),
                     "results": rows[(page - 1) * self.page_size:page * self.page_size]}

    def give_library_block(self, _, key, olx):
        block = next((lib["blocks"][key] for lib in self.libraries.values() if key in lib["blocks"]), None)
        if not block:
            return 404, {"detail": "Not found."}
        return 200, {"olx": block["olx"]} if olx else {"id": key, "block_type": key.split(":")[3], "display_name": block["display_name"]}


class Moodle(Lms):
    """`sections`: as core_course_get_contents gives them. `texts`: function → rows. `enrolled`: user id → course ids."""

    def __init__(self, token="0123456789abcdef0123456789abcdef"):
        self.token, self.course, self.sections, self.texts, self.users, self.enrolled, self.files = token, {}, [], {}, {}, {}, {}
        self.functions = None
        super().__init__()

    def exception(self, errorcode):
        return 200, {"exception": "moodle_exception", "errorcode": errorcode, "message": f"Message of {errorcode} with {self.token}"}

    def answer(self, request):
        form, path = request["form"], request["path"]
        if path.startswith("/webservice/pluginfile.php/"):
            if form.get("token") != self.token:
                return self.exception("invalidtoken")
            return (200, self.files[path]) if path in self.files else (404, "")
        if path != "/webservice/rest/server.php" or form.get("moodlewsrestformat") != "json":
            return 404, ""
        if form.get("wstoken") != self.token:
            return self.exception("invalidtoken")
        name = form.get("wsfunction", "")
        known = {"core_webservice_get_site_info", "core_course_get_courses_by_field", "core_course_get_contents", "core_user_get_users_by_field",
                 "core_enrol_get_users_courses", *self.texts}
        if name not in known or (self.functions is not None and name not in self.functions):
            return self.exception("accessexception")
        if name == "core_webservice_get_site_info":
            return 200, {"sitename": "A Moodle", "functions": [{"name": f, "version": "2026"} for f in (self.functions if self.functions is not None else known)]}
        if name == "core_course_get_courses_by_field":
            there = str(self.course.get(form["field"])) == form["value"]
            return 200, {"courses": [self.course] if there else [], "warnings": []}
        if name == "core_course_get_contents":
            return (200, self.sections) if form["courseid"] == str(self.course["id"]) else self.exception("invalidrecord")
        if name == "core_user_get_users_by_field":
            return 200, [u for u in self.users if str(u[form["field"]]) == form["values[0]"]]
        if name == "core_enrol_get_users_courses":
            return 200, [{"id": c} for c in self.enrolled.get(int(form["userid"]), [])]
        return 200, {re.match(r"mod_\w+?_get_(\w+)_by_courses", name)[1]: self.texts[name], "warnings": []}
