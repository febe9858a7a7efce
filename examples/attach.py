"""Stores a document in the Collector that a binding names."""
import os
import sys
from pathlib import Path
from urllib.request import Request, urlopen

bindings = [path for path in Path(os.environ["SERVICE_BINDING_ROOT"]).iterdir() if (path / "type").exists()]
found = [path for path in bindings if (path / "type").read_text().strip() == "collector"]
collector = found[0] if found else sys.exit("attach: no binding of type collector")
host, port = ((collector / name).read_text().strip() for name in ("host", "port"))
request = Request(f"http://{host}:{port}/v1/documents", b'{"from":"Python"}', {"Content-Type": "application/json"})
print(urlopen(request, timeout=30).read().decode())
