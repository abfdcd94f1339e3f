"""A small server that speaks as much of Google Cloud Storage's XML API as object stores' clients use: put, get with a range, delete, list, and uploads in parts.

The stand-ins that PyPI and npm have speak the JSON API only.
"""

import re
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

PAGE = 50  # names in one answer of a list; small, so that clients have to ask again


class Bucket(ThreadingHTTPServer):
    """One bucket in memory, on a free port of the loopback interface."""

    daemon_threads = True

    def __init__(self, name):
        super().__init__(("127.0.0.1", 0), Handler)
        self.name, self.objects, self.uploads, self.lock = name, {}, {}, threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def route(self):
        """The object's name, if one is named, and the query."""
        parts = urlsplit(self.path)
        bucket, _, name = unquote(parts.path).lstrip("/").partition("/")
        query = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
        return (name if bucket == self.server.name else None), query

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status, content=b"", headers=None, is_head=False):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.end_headers()
        if not is_head:
            self.wfile.write(content)

    def do_PUT(self):
        content, (name, query) = self.body(), self.route()
        if not name:
            return self.answer(404)
        with self.server.lock:
            if "uploadId" in query:
                self.server.uploads[query["uploadId"]][int(query["partNumber"])] = content
            else:
                self.server.objects[name] = content
        self.answer(200, headers={"ETag": f'"{uuid.uuid4().hex}"'})

    def do_POST(self):
        self.body()
        name, query = self.route()
        with self.server.lock:
            if "uploads" in query:
                upload = uuid.uuid4().hex
                self.server.uploads[upload] = {}
                text = f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
            else:
                parts = self.server.uploads.pop(query["uploadId"])
                self.server.objects[name] = b"".join(parts[number] for number in sorted(parts))
                text = f'<CompleteMultipartUploadResult><ETag>"{uuid.uuid4().hex}"</ETag></CompleteMultipartUploadResult>'
        self.answer(200, text.encode(), {"Content-Type": "application/xml"})

    def do_DELETE(self):
        name, query = self.route()
        with self.server.lock:
            found = self.server.uploads.pop(query["uploadId"], None) if "uploadId" in query else self.server.objects.pop(name, None)
        self.answer(404 if found is None else 204)

    def do_HEAD(self):
        self.get(is_head=True)

    def do_GET(self):
        self.get(is_head=False)

    def get(self, is_head):
        name, query = self.route()
        if name == "":
            return self.list(query)
        with self.server.lock:
            content = self.server.objects.get(name)
        if content is None:
            return self.answer(404, is_head=is_head)
        headers = {"ETag": '"1"', "Last-Modified": "Tue, 24 Nov 2026 00:00:00 GMT"}
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if not asked:
            return self.answer(200, content, headers, is_head)
        first, last = int(asked[1]), min(int(asked[2]), len(content) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        self.answer(206, content[first:last + 1], headers, is_head)

    def list(self, query):
        prefix, after = query.get("prefix", ""), query.get("continuation-token", "")
        with self.server.lock:
            found = sorted(name for name in self.server.objects if name.startswith(prefix) and name > after)
            page = [(name, len(self.server.objects[name])) for name in found[:PAGE]]
        entries = "".join(
            f'<Contents><Key>{escape(name)}</Key><LastModified>2026-11-24T00:00:00.000Z</LastModified><ETag>"1"</ETag><Size>{size}</Size></Contents>'
            for name, size in page
        )
        more = f"<NextContinuationToken>{escape(page[-1][0])}</NextContinuationToken>" if len(found) > PAGE else ""
        text = f"<ListBucketResult><Name>{self.server.name}</Name><KeyCount>{len(page)}</KeyCount>{more}{entries}</ListBucketResult>"
        self.answer(200, text.encode(), {"Content-Type": "application/xml"})
