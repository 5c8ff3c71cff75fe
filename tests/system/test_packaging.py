"""What people install: the Debian packages, the container file, the manifests for compose and Kubernetes, as far as that can be told without building a package or
an engine. script/deb and script/test-packages do the rest for the packages; nothing here has run a container."""
import fnmatch
import json
import os
import pathlib
import re
import subprocess

import pytest
import yaml
from conftest import BUILD, ROOT, Daemon, run_lectern

SHARED = {"libc6", "libgcc-s1", "libasan8", "libubsan1", "libtsan2"}  # of every program, or of a build with sanitizers


def read(path):
    return (ROOT / path).read_text()


@pytest.fixture(scope="module")
def options():
    return set(re.findall(r"^  (--[a-z-]+)", run_lectern("serve", "--help"), re.M))


@pytest.fixture(scope="module")
def container():
    """The instructions of the Containerfile's last stage: [(word, rest)]."""
    text = re.sub(r"\\\n\s*", " ", "\n".join(line for line in read("Containerfile").splitlines() if not line.startswith("#")))
    instructions = [tuple(line.split(" ", 1)) for line in text.splitlines() if line.strip()]
    return instructions[max(i for i, (word, _) in enumerate(instructions) if word == "FROM"):]


def one(container, word):
    [rest] = [rest for found, rest in container if found == word]
    return rest


def environment(container):
    return dict(pair.split("=", 1) for pair in one(container, "ENV").split())


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load(read("share/compose/compose.yaml"))


@pytest.fixture(scope="module")
def cluster():
    return {document["kind"]: document for document in yaml.safe_load_all(read("share/kubernetes/lectern.yaml"))}


@pytest.fixture(scope="module")
def pod(cluster):
    return cluster["Deployment"]["spec"]["template"]["spec"]


def cluster_environment(pod):
    return {entry["name"]: entry.get("value") for entry in pod["containers"][0]["env"]}


# ---- Debian packages ----

def test_the_package_is_built_with_what_script_packages_installs():
    wanted = {package for line in read("script/packages").splitlines() if line.startswith("build ") for package in line.split()[1:]}
    depends = re.search(r"^Build-Depends: (.*?)^\S", read("debian/control"), re.M | re.S)[1]
    asked = {re.sub(r"\s*\(.*", "", part.strip()) for part in depends.split(",")}
    assert asked - {"debhelper-compat", "dh-sequence-installsysusers"} == wanted - {"gcc", "libc6-dev"}  # those two are build-essential


def test_every_installed_file_is_in_one_package():
    prefix = pathlib.Path(next(o["value"] for o in json.loads(introspect("--buildoptions")) if o["name"] == "prefix"))
    installed = ["usr/" + str(pathlib.Path(path).relative_to(prefix)) for path in json.loads(introspect("--installed")).values()]
    patterns = [(file.stem, line) for file in (ROOT / "debian").glob("*.install") for line in file.read_text().split()]
    assert len(installed) > 10
    for path in installed:
        path = re.sub(r"^usr/lib(?:64)?/(?!.*-linux-)", "usr/lib/x-linux-gnu/", path)  # meson knows Debian only beside dpkg-dev
        packages = {package for package, pattern in patterns if fnmatch.fnmatch(path, pattern) or fnmatch.fnmatch(path, pattern + "/*")}
        assert len(packages) == 1, (path, packages)


def introspect(what):
    return subprocess.run(["meson", "introspect", what, BUILD], capture_output=True, text=True, check=True).stdout


def test_the_symbols_file_says_what_the_library_exports():
    exported = set(re.findall(r"^    (lectern_\w+);", read("src/embed/liblectern.map"), re.M))
    told = set(re.findall(r"^ (lectern_\w+)@LECTERN_0\.1 ", read("debian/liblectern1.symbols"), re.M))
    assert exported and told == exported
    assert "soversion: '1'" in read("src/embed/meson.build")


def test_one_version_everywhere(compose, pod):
    version = re.search(r"version: '([^']+)'", read("meson.build"))[1]
    assert read("debian/changelog").startswith(f"lectern ({version})")
    assert compose["services"]["lectern"]["image"] == pod["containers"][0]["image"] == f"lectern:{version}"


def test_unit_user_directories_and_configuration_agree(options):
    unit = dict(line.split("=", 1) for line in read("share/systemd/lectern.service").splitlines() if re.match(r"\w+=", line))
    command = unit["ExecStart"].split()
    assert command[:4] == ["/usr/bin/lectern", "serve", "--config", "/etc/lectern/lectern.json"]
    assert {word for word in command if word.startswith("--")} <= options
    assert f"\nu {unit['User']} - " in read("debian/lectern.sysusers")
    data = "/var/lib/" + unit["StateDirectory"]
    assert f"\nd {data} {unit['StateDirectoryMode']} {unit['User']} {unit['User']} -" in read("debian/lectern.tmpfiles")
    assert f'\n    data: "{data}",' in read("share/lectern.json.example") and data in read("debian/lectern.postrm")
    assert '\n    listen: "127.0.0.1:8080",' in read("share/lectern.json.example") and "\nListenStream=127.0.0.1:8080\n" in read("share/systemd/lectern.socket")


# ---- libraries ----

def loaded_later():
    """Packages of the libraries that are loaded when they are needed (base/dso.h), which no linker tells of."""
    names = {name for path in (ROOT / "src").rglob("*.c") for name in re.findall(r'struct lt_dso \w+ = \{\.file = "(.+?)"', path.read_text())}
    packages = {"libarchive.so.13": "libarchive13", "libgd.so.3": "libgd3", "libpq.so.5": "libpq5"}
    assert names == set(packages)
    return set(packages.values())


@pytest.mark.parametrize("package", ["lectern", "liblectern1"])
def test_the_packages_depend_on_what_is_loaded_later(package):
    part = next(p for p in read("debian/control").split("\n\n") if p.startswith(f"Package: {package}\n"))
    depends = re.search(r"^Depends: (.*?)(?=^\S)", part, re.M | re.S)[1]
    assert loaded_later() <= {word.strip() for word in depends.split(",")}


# ---- the image ----

def test_the_image_has_the_libraries_that_the_program_is_linked_with(container):
    program = BUILD / "src/daemon/lectern"
    needed = re.findall(r"\(NEEDED\).*\[(.+)\]", subprocess.run(["readelf", "-d", program], capture_output=True, text=True, check=True).stdout)
    paths = dict(re.findall(r"(\S+) => (/\S+)", subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout))
    names = [word for name in needed if name in paths for word in (paths[name], paths[name].replace("/lib/", "/usr/lib/", 1))]
    owners = subprocess.run(["dpkg-query", "-S", *names], capture_output=True, text=True).stdout
    wanted = {owner.split(":")[0] for owner in owners.splitlines()} - SHARED
    wanted |= loaded_later()
    install = next(rest for word, rest in container if word == "RUN")
    given = set(re.search(r"--no-install-recommends (.*?) &&", install)[1].split())
    assert len(wanted) > 10 and given - {"ca-certificates", "curl", "fonts-dejavu-core"} == wanted


def test_the_image_is_of_nobody_with_rights_and_its_paths_are_the_programs(container, compose, pod):
    data, port = environment(container)["LECTERN_DATA"], environment(container)["LECTERN_LISTEN"].split(":")[1]
    user = one(container, "USER").split(":")[0]
    assert int(user) > 0 and f"--uid {user} " in next(rest for word, rest in container if word == "RUN")
    assert one(container, "VOLUME") == data and one(container, "EXPOSE") == port
    assert f"http://127.0.0.1:{port}/readyz" in one(container, "HEALTHCHECK")
    assert compose["services"]["lectern"]["ports"] == [f"127.0.0.1:8080:{port}"]
    assert compose["services"]["lectern"]["volumes"] == [f"lectern-data:{data}"]
    assert pod["containers"][0]["ports"][0]["containerPort"] == int(port) and pod["securityContext"]["runAsUser"] == int(user)


def test_what_the_image_is_made_of_is_in_the_tree():
    ignored = read(".dockerignore").split()
    for source in re.findall(r"^COPY (?!--from)(\S+)", read("Containerfile"), re.M):
        assert (ROOT / source).exists() and source.rstrip("/") not in ignored, source
    assert re.search(r"^COPY --from=web /build/web/dist/ /image/usr/share/lectern/widgets/$", read("Containerfile"), re.M)


# ---- what the program is told ----

def test_every_variable_and_option_is_the_programs(container, compose, pod, options):
    told = set(environment(container)) | set(compose["services"]["lectern"]["environment"]) | set(cluster_environment(pod))
    variables = {name for name in told if name.startswith("LECTERN_")}
    assert len(variables) >= 6
    assert {"--" + name.removeprefix("LECTERN_").lower().replace("_", "-") for name in variables} <= options
    assert told - variables == {"PGPASSWORD", "POD_IP"}  # libpq's, and what LECTERN_ADVERTISE is made of
    words = pod["containers"][0]["args"]
    assert words[0] == "serve" and {word for word in words if word.startswith("--")} <= options
    assert json.loads(one(container, "CMD")) == ["serve"]


def test_the_drain_fits_what_the_engines_wait(container, compose, pod):
    args = pod["containers"][0]["args"]
    drain = sum(int(args[args.index(word) + 1]) for word in ("--drain-delay", "--drain-limit"))
    assert drain < pod["terminationGracePeriodSeconds"]
    limit = compose["services"]["lectern"]["environment"]["LECTERN_DRAIN_LIMIT"]
    assert limit == environment(container)["LECTERN_DRAIN_LIMIT"] and int(limit) < int(compose["services"]["lectern"]["stop_grace_period"].rstrip("s"))


def test_the_manifests_names_lead_somewhere(cluster, pod, compose):
    secret, claim = cluster["Secret"], cluster["PersistentVolumeClaim"]["metadata"]["name"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    container = pod["containers"][0]
    mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
    assert volumes["files"]["persistentVolumeClaim"]["claimName"] == claim
    assert volumes["secret"]["secret"]["secretName"] == secret["metadata"]["name"]
    assert {item["key"] for item in volumes["secret"]["secret"]["items"]} <= set(secret["stringData"])
    [database] = [entry["valueFrom"]["secretKeyRef"] for entry in container["env"] if entry["name"] == "LECTERN_DATABASE"]
    assert database["name"] == secret["metadata"]["name"] and database["key"] in secret["stringData"]
    told = cluster_environment(pod)
    assert told["LECTERN_DATA"] in mounts and os.path.dirname(told["LECTERN_MASTER_KEY_FILE"]) in mounts
    labels = cluster["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert labels == cluster["Deployment"]["spec"]["selector"]["matchLabels"] == cluster["Service"]["spec"]["selector"]
    assert cluster["Service"]["spec"]["ports"][0]["targetPort"] == container["ports"][0]["name"]
    service = compose["services"]["lectern"]
    assert service["environment"]["LECTERN_MASTER_KEY_FILE"] == "/run/secrets/" + service["secrets"][0] and set(service["secrets"]) == set(compose["secrets"])
    assert set(service["depends_on"]) <= set(compose["services"]) and {v.split(":")[0] for s in compose["services"].values() for v in s["volumes"]} == set(compose["volumes"])
    assert "@database:5432/lectern" in service["environment"]["LECTERN_DATABASE"] and compose["services"]["database"]["environment"]["POSTGRES_DB"] == "lectern"


def test_nothing_runs_with_more_rights_than_it_needs(compose, pod):
    inside = pod["containers"][0]["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"] and inside["readOnlyRootFilesystem"] and not inside["allowPrivilegeEscalation"]
    assert inside["capabilities"]["drop"] == ["ALL"] and pod["automountServiceAccountToken"] is False
    service = compose["services"]["lectern"]
    assert service["read_only"] and service["cap_drop"] == ["ALL"] and "no-new-privileges:true" in service["security_opt"]


def test_a_daemon_told_so_answers_the_probes(tmp_path, container, compose, pod):
    key = tmp_path / "master.key"  # made as the files say: openssl rand -hex 32
    key.write_text(subprocess.run(["openssl", "rand", "-hex", "32"], capture_output=True, text=True, check=True).stdout)
    key.chmod(0o400)
    told = {**environment(container), **compose["services"]["lectern"]["environment"], **cluster_environment(pod)}
    given = {name: value for name, value in told.items() if name.startswith("LECTERN_") and name not in ("LECTERN_DATABASE", "LECTERN_ADVERTISE")}
    daemon = Daemon(tmp_path / "data", *pod["containers"][0]["args"][1:], "--drain-delay", "0", demo=False,
                    env={**given, "LECTERN_MASTER_KEY_FILE": str(key), "LECTERN_ADVERTISE": "http://127.0.0.1:8080"})
    probes = [pod["containers"][0][probe]["httpGet"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")]
    assert [probe["path"] for probe in probes] == ["/healthz", "/healthz", "/readyz"]
    for probe in probes:
        assert daemon.request("GET", probe["path"]).status == 200, probe
    assert not (tmp_path / "data/master.key").exists()  # the given one counts
    assert daemon.stop() == 0
