"""
The gateways that script/performance measures beside each other, each as its own documentation starts it, with its logging on and off. What cannot be
installed or does not answer is listed with the reason, and the rest is measured.
"""
import http.client
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

from calls import ACTION, PATH, PLAIN, auth
from servers import Lectern, free_port, start

INSTALL_S, ANSWER_S = 420, 90
GATEWAY_CORE = ["taskset", "-c", "1"] if (os.cpu_count() or 1) > 1 else []
LITELLM_KEY = "sk-bench-" + os.urandom(24).hex()
TENSORZERO = """
import sys, threading, tensorzero
gateway = tensorzero._start_http_gateway(config_file=sys.argv[1], clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False)
print(gateway.base_url, flush=True)
threading.Event().wait()
"""


def run(command, cwd=None, seconds=INSTALL_S, env=None):
    """Ends well, or raises with the last line that it said."""
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=seconds, env=dict(os.environ, **(env or {})))
    except (OSError, subprocess.TimeoutExpired) as why:
        raise RuntimeError(str(why).splitlines()[0][:160]) from why
    if done.returncode:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise RuntimeError(re.sub(r"https?://\S+", "its address", lines[-1].strip() if lines else f"exit code {done.returncode}")[:160])
    return done.stdout


def install_python(folder, name, package):
    place = folder / name
    python = place / "bin/python"
    if not (place / "installed").exists():
        run([sys.executable, "-m", "venv", str(place)])
        run([str(python), "-m", "pip", "install", "-q", package])
        (place / "installed").touch()
    version = re.search(r"^Version: (\S+)", run([str(python), "-m", "pip", "show", re.sub(r"\[.*", "", package)]), re.M).group(1)
    return place, version


def install_node(folder, name, package):
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    if not (place / "installed").exists():
        run(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", package], cwd=place)
        (place / "installed").touch()
    return place, json.loads((place / "node_modules" / package / "package.json").read_text())["version"]


def install_go(folder, name, module):
    if not shutil.which("go"):
        raise RuntimeError("go is not installed")
    place = folder / name
    run(["go", "install", module], env={"GOBIN": str(place)}, seconds=120)
    return place, "latest"


def tree(pid):
    """A process and all below it."""
    out = [pid]
    for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        out += tree(int(child))
    return out


class Gateway:
    """A started gateway: port, what is asked for and how, its processes, seconds from its start to the first good answer."""

    def __init__(self, name, logging, version, command, port, folder, chat="/v1/chat/completions", model="gpt-4o", header=None, key=None, env=None, cwd=None):
        self.name, self.logging, self.version, self.port = name, logging, version, port
        self.chat, self.model, self.header, self.key = chat, model, header, key
        self.headers = dict(auth(key) if key else PLAIN, **(dict([header.split(": ", 1)]) if header else {}))
        self.log = folder / f"{name}-{logging}.log".replace(" ", "-")
        begin = time.monotonic()
        self.process = start([*GATEWAY_CORE, *command], stdout=open(self.log, "wb"), stderr=subprocess.STDOUT, env=dict(os.environ, **(env or {})), cwd=cwd)
        self.wait(begin)

    def wait(self, begin):
        why = "no answer"
        while time.monotonic() - begin < ANSWER_S:
            if self.process.poll() is not None:
                why = "it ended: " + (self.log.read_text(errors="replace").strip().splitlines() or ["without a word"])[-1][:120]
                break
            try:
                if self.learn_port() and self.ask():
                    self.start_s = time.monotonic() - begin
                    return
            except (OSError, http.client.HTTPException) as failed:
                why = str(failed)
            time.sleep(0.01)
        self.stop()
        raise RuntimeError(why)

    def learn_port(self):
        return True

    def body(self, prompt, stream=False):
        return json.dumps({"model": self.model, "messages": [{"role": "user", "content": prompt}], **({"stream": True} if stream else {})})

    def ask(self, prompt="Say something.", stream=False):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request("POST", self.chat, self.body(prompt, stream), self.headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status == 200 and b"choices" in text

    def request(self, prompt, stream=False):
        """A whole request, head and body."""
        body = self.body(prompt, stream).encode()
        head = "".join(f"{k}: {v}\r\n" for k, v in self.headers.items())
        return f"POST {self.chat} HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def stream_options(self):
        return ["--chat", self.chat, "--model", self.model, *(["--header", self.header] if self.header else []), *(["--key", self.key] if self.key else [])]

    @property
    def pids(self):
        return tree(self.process.pid)

    def stop(self):
        for pid in reversed(self.pids if self.process.poll() is None else []):
            try:
                os.kill(pid, 15)
            except OSError:
                pass
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class NginxGateway(Gateway):
    def __init__(self, logging, upstream_port, folder):
        place = folder / f"nginx-{logging}"
        place.mkdir()
        port = free_port()
        log = f"access_log {place}/access.log;" if logging == "on" else "access_log off;"
        (place / "nginx.conf").write_text(f"""
worker_processes 1; worker_rlimit_nofile 20000; daemon off; pid {place}/pid; error_log {place}/error.log;
events {{ worker_connections 16384; }}
http {{ {log} client_body_buffer_size 1m; client_max_body_size 4m; client_body_temp_path {place}/b; proxy_temp_path {place}/p; fastcgi_temp_path {place}/f;
  uwsgi_temp_path {place}/u; scgi_temp_path {place}/s; keepalive_requests 1000000; upstream u {{ server 127.0.0.1:{upstream_port}; keepalive 256; }}
  server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }} }} }}
""")
        version = subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr.strip().rsplit("/", 1)[-1]
        super().__init__("nginx", logging, version, ["nginx", "-c", str(place / "nginx.conf"), "-p", str(place)], port, folder)


class TensorZero(Gateway):
    def learn_port(self):
        found = re.search(r"http://[\d.]+:(\d+)", self.log.read_text(errors="replace"))
        if found:
            self.port = int(found.group(1))
        return found is not None


class LecternGateway(Gateway):
    """Lectern's own action; `site` with or without content in its register. The sites are of one daemon."""

    def __init__(self, logging, lectern, key, version):
        self.name, self.logging, self.version, self.port, self.lectern = "lectern", logging, version, lectern.port, lectern
        self.chat, self.model, self.header, self.key, self.headers = PATH, "", None, key, auth(key)
        self.start_s = lectern.start_s

    @property
    def pids(self):
        return self.lectern.pids

    def body(self, prompt, stream=False):
        action = dict(json.loads(ACTION), input={"prompt": prompt})
        return json.dumps(dict(action, stream=True) if stream else action)

    def stream_options(self):
        return ["--key", self.key]

    def stop(self):
        self.lectern.stop()


class PinnedLectern(Lectern):
    """On the gateways' core, begun anew once everything is set up, which is timed."""

    def __init__(self, binary, folder, upstream_url, extra=()):
        super().__init__(binary, folder, upstream_url, ("--threads", "1", *extra), under=GATEWAY_CORE)
        self.lean_key = self.add_site("lean")
        self.cli("site", "set", "lean", "store_content=false")
        self.begin_anew()

    def begin_anew(self, method="POST", path=PATH):
        """Stops the daemon and starts it again on its port; start_s: until the first good answer."""
        self.stop()
        begin = time.monotonic()
        self.process = start([*GATEWAY_CORE, self.binary, "serve", "--data", self.data, "--listen", f"127.0.0.1:{self.port}", "--log-level", "warn", "--threads", "1"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pids = [self.process.pid]
        while time.monotonic() - begin < 60:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request(method, path, ACTION if method == "POST" else None, auth(self.key))
                if connection.getresponse().status == 200:
                    break
            except OSError:
                pass
            time.sleep(0.002)
        else:
            sys.exit("lectern does not answer")
        self.start_s = time.monotonic() - begin


def litellm(folder, build, upstream_port, logging):
    place, version = install_python(build, "litellm", "litellm[proxy]")
    config = folder / f"litellm-{logging}.yaml"
    config.write_text(f"""
model_list:
  - model_name: gpt-4o
    litellm_params: {{model: openai/gpt-4o, api_base: "http://127.0.0.1:{upstream_port}/v1", api_key: bench-key}}
general_settings: {{master_key: {LITELLM_KEY}}}
litellm_settings: {{json_logs: {"true" if logging == "on" else "false"}, telemetry: false}}
""")
    port = free_port()
    return Gateway("LiteLLM proxy", logging, version, [str(place / "bin/litellm"), "--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"],
                   port, folder, key=LITELLM_KEY, env={"LITELLM_LOG": "INFO" if logging == "on" else "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                                      "PATH": f"{place}/bin:" + os.environ["PATH"]})


def smg(folder, build, upstream_port, logging):
    place, version = install_python(build, "smg", "smg")
    port, metrics = free_port(), free_port()
    return Gateway("smg", logging, version, [str(place / "bin/smg"), "launch", "--host", "127.0.0.1", "--port", str(port), "--prometheus-port", str(metrics),
                                             "--worker-urls", f"http://127.0.0.1:{upstream_port}", "--disable-health-check", "--log-level",
                                             "info" if logging == "on" else "error"], port, folder)


def tensorzero(folder, build, upstream_port, logging):
    if logging == "on":
        raise RuntimeError("its observability needs a ClickHouse or PostgreSQL of its own")
    place, version = install_python(build, "tensorzero", "tensorzero")
    config = folder / "tensorzero.toml"
    config.write_text(f"""
[gateway]
observability.enabled = false
[models."gpt-4o"]
routing = ["double"]
[models."gpt-4o".providers.double]
type = "openai"
model_name = "gpt-4o"
api_base = "http://127.0.0.1:{upstream_port}/v1/"
api_key_location = "none"
""")
    return TensorZero("TensorZero", logging, version, [str(place / "bin/python"), "-c", TENSORZERO, str(config)], 0, folder,
                      chat="/openai/v1/chat/completions", model="tensorzero::model_name::gpt-4o")


def portkey(folder, build, upstream_port, logging):
    if logging == "on":
        raise RuntimeError("the open product keeps no log of calls")
    place, version = install_node(build, "portkey", "@portkey-ai/gateway")
    port = free_port()
    server = place / "node_modules/@portkey-ai/gateway/build/start-server.js"
    config = json.dumps({"provider": "openai", "api_key": "bench-key", "custom_host": f"http://127.0.0.1:{upstream_port}/v1"})
    return Gateway("Portkey", logging, version, ["node", str(server), f"--port={port}", "--headless"], port, folder, header=f"x-portkey-config: {config}",
                   cwd=place, env={"TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"})


def of_go(name, module):
    def begin(folder, build, upstream_port, logging):
        install_go(build, name.lower(), module)
        raise RuntimeError("it was installed, but how it is started is not written down here")
    return begin


PEERS = {"LiteLLM proxy": litellm, "smg": smg, "TensorZero": tensorzero, "Portkey": portkey,
         "Bifrost": of_go("Bifrost", "github.com/maximhq/bifrost/transports/bifrost-http@latest"),
         "Ferro": of_go("Ferro", "github.com/ferro-labs/ai-gateway/cmd/ferrogw@latest"),
         "Olla": of_go("Olla", "github.com/thushan/olla@latest")}


def start_all(args, folder, upstream_port):
    """All gateways that can be had, and {name (logging): why not} of the others."""
    version = subprocess.run([args.lectern, "--version"], capture_output=True, text=True).stdout.strip().split()[-1]
    lectern = PinnedLectern(args.lectern, folder / "data", f"http://127.0.0.1:{upstream_port}/v1")
    gateways, missing = [LecternGateway("on", lectern, lectern.key, version), LecternGateway("no content", lectern, lectern.lean_key, version)], {}
    gateways += [NginxGateway(logging, upstream_port, folder) for logging in ("off", "on")]
    for name, begin in PEERS.items():
        if args.peers != "all" and name not in args.peers.split(","):
            continue
        for logging in ("off", "on"):
            try:
                gateways.append(begin(folder, args.peer_folder, upstream_port, logging))
                print(f"  {name}, logging {logging}: version {gateways[-1].version}", flush=True)
            except (RuntimeError, OSError) as why:
                missing[f"{name}, logging {logging}"] = str(why)
                print(f"  {name}, logging {logging}: {why}", flush=True)
    return gateways, missing
