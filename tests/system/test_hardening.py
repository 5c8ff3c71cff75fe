"""How the program is built and how the daemon confines itself: docs/hardening.md."""
import json
import pathlib
import platform
import re
import shutil
import subprocess

import pytest
from conftest import BUILD, ROOT, Daemon, wait_until

LECTERN_PROGRAM = BUILD / "src/daemon/lectern"
COMPILERS = [c for c in ("cc", "clang-14") if shutil.which(c)]
BANNED = {
    "alloca": "alloca(9)", "asctime": "asctime(&t)", "atof": "atof(s)", "atoi": "atoi(s)", "atol": "atol(s)", "atoll": "atoll(s)", "ctime": "ctime(&n)",
    "drand48": "drand48()", "fscanf": "fscanf(stdin, s)", "gets": "gets(b)", "gmtime": "gmtime(&n)", "localtime": "localtime(&n)", "longjmp": "longjmp(j, 1)",
    "mktemp": "mktemp(b)", "popen": "popen(s, s)", "putenv": "putenv(b)", "rand": "rand()", "random": "random()", "scanf": "scanf(s)", "setenv": "setenv(s, s, 1)",
    "setjmp": "setjmp(j)", "siglongjmp": "siglongjmp(j, 1)", "sigsetjmp": "sigsetjmp(j, 1)", "sprintf": "sprintf(b, s)", "srand": "srand(1)", "srandom": "srandom(1)",
    "sscanf": "sscanf(s, s)", "stpcpy": "stpcpy(b, s)", "strcat": "strcat(b, s)", "strcpy": "strcpy(b, s)", "strncat": "strncat(b, s, 1)",
    "strncpy": "strncpy(b, s, 1)", "strtok": "strtok(b, s)", "system": "system(s)", "tempnam": "tempnam(s, s)", "tmpnam": "tmpnam(b)",
    "vfscanf": "vfscanf(stdin, s, v)", "vscanf": "vscanf(s, v)", "vsprintf": "vsprintf(b, s, v)", "vsscanf": "vsscanf(s, s, v)",
}


def errors(compiler, tmp_path, uses, *flags):
    """{number of the use: what the compiler says of it}"""
    source = tmp_path / "use.c"
    lines = ["#include <alloca.h>", "#include <setjmp.h>", "#include <stdarg.h>", "#include <stdio.h>", "#include <stdlib.h>", "#include <string.h>", "#include <time.h>",
             "void use(char *b, const char *s, va_list v, time_t n, struct tm t, jmp_buf j);", "void use(char *b, const char *s, va_list v, time_t n, struct tm t, jmp_buf j)",
             "{", *(f"(void){use};" for use in uses), "}"]
    source.write_text("\n".join(lines) + "\n")
    done = subprocess.run([compiler, "-std=gnu11", "-D_GNU_SOURCE", *flags, "-w", "-I", ROOT / "src", "-include", "base/banned.h", "-c", source, "-o", tmp_path / "use.o"],
                          capture_output=True, text=True, timeout=60)
    found = {int(line) - 11: text for line, text in re.findall(r"use\.c:(\d+):\d+: error: (.*)", done.stderr)}
    assert bool(found) == (done.returncode != 0), done.stderr
    return found


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("flags", [[], ["-O2", "-D_FORTIFY_SOURCE=2"]], ids=["plain", "optimised"])
def test_a_banned_function_does_not_compile(compiler, flags, tmp_path):
    many = ["-ferror-limit=0"] if "clang" in compiler else ["-fmax-errors=0"]
    assert errors(compiler, tmp_path, ["snprintf(b, 9, s)"], *flags) == {}
    for uses in (list(BANNED.values()), [f"(void *)&{name}" for name in BANNED]):  # called, or given to somebody who calls it
        found = errors(compiler, tmp_path, uses, *flags, *many)
        for number, name in enumerate(BANNED):
            assert f"{name}" in found.get(number, "") and "unavailable" in found[number], (uses[number], found.get(number))


def test_every_source_of_ours_is_compiled_with_the_ban():
    sources = [c for c in json.loads((BUILD / "compile_commands.json").read_text()) if "/src/" in f"/{c['output']}" and ".p/" in c["output"] and "/src/" in c["file"]]
    files = {(BUILD / c["file"]).resolve() for c in sources}
    assert len(files & set((ROOT / "src").resolve().rglob("*.c"))) > 500
    for c in sources:
        if c["output"].startswith("src/"):
            assert "-include base/banned.h" in c["command"], c["file"]
    for source in pathlib.Path(ROOT / "plugins").glob("*/*.c"):
        subprocess.run(["cc", "-std=gnu99", "-w", "-I", ROOT / "include", "-I", ROOT / "src", "-include", "base/banned.h", "-fsyntax-only", source], check=True, timeout=60)


def elf(program):
    return subprocess.run(["readelf", "-W", "-h", "-l", "-d", program], capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("program", [LECTERN_PROGRAM, BUILD / "src/embed/liblectern.so"], ids=["lectern", "liblectern"])
def test_what_was_linked_is_hardened(program):
    text = elf(program)
    assert re.search(r"Type:\s+DYN", text)
    if program == LECTERN_PROGRAM:
        assert re.search(r"\(FLAGS_1\).*PIE", text)
    assert "GNU_RELRO" in text and re.search(r"\(FLAGS\).*BIND_NOW|\(FLAGS_1\).*NOW", text)  # no table of functions can be written to
    assert re.search(r"GNU_STACK.* RW ", text) and not re.search(r"LOAD.* RWE ", text)  # nothing is both written to and run
    assert "TEXTREL" not in text and "RPATH" not in text and "RUNPATH" not in text


def test_a_release_is_compiled_hardened(tmp_path):
    """The sanitizers of other builds take the place of some of it, so a part of a release is built here."""
    build = tmp_path / "release"
    subprocess.run(["meson", "setup", build, ROOT, "--buildtype=release", "-Dtests=disabled"], check=True, capture_output=True, timeout=120)
    subprocess.run(["ninja", "-C", build, "src/base/libbase.a"], check=True, capture_output=True, timeout=300)
    names = subprocess.run(["nm", build / "src/base/libbase.a"], capture_output=True, text=True, check=True).stdout
    assert "U __stack_chk_fail" in names and "U __vsnprintf_chk" in names
    commands = [c["command"] for c in json.loads((build / "compile_commands.json").read_text()) if c["output"].startswith("src/")]
    wanted = ["-fstack-protector-strong", "-fstack-clash-protection", "-fno-common", "-D_FORTIFY_SOURCE=3", "-O3"]
    wanted += ["-fcf-protection=branch"] if platform.machine() == "x86_64" else []
    assert len(commands) > 500
    for command in commands:
        assert all(flag in command.split() for flag in wanted), command


# ---- the running daemon ----

def tasks(pid):
    """What the kernel says of each thread of a process."""
    return [dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()]


def children(pid):
    return [int(child) for task in pathlib.Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]


def test_every_thread_and_every_child_is_confined(tmp_path):
    if pathlib.Path("/proc/sys/kernel/seccomp/actions_avail").exists() is False:
        pytest.skip("the kernel has no filters")
    plugins = tmp_path / "plugins"
    shutil.copytree(ROOT / "plugins/example-python", plugins)
    d = Daemon(tmp_path / "data", "--plugin-dirs", plugins)
    try:
        wait_until(lambda: children(d.process.pid), what="the plugin's process")
        for pid in [d.process.pid, *children(d.process.pid)]:
            for task in tasks(pid):
                assert (task["Seccomp"], task["NoNewPrivs"]) == ("2", "1"), (pid, task)
        assert len(tasks(d.process.pid)) > 5
        assert "daemon.no_filter" not in d.log()
    finally:
        assert d.stop() == 0


# ---- systemd ----

@pytest.fixture()
def unit(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze (package systemd) is not there")
    for name in ("lectern.service", "lectern.socket"):
        text = (ROOT / "share/systemd" / name).read_text()
        assert name == "lectern.socket" or "ExecStart=/usr/bin/lectern " in text
        (tmp_path / name).write_text(text.replace("/usr/bin/lectern ", f"{LECTERN_PROGRAM} "))
    return tmp_path / "lectern.service"


def test_the_units_are_right(unit):
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit, unit.with_name("lectern.socket")], capture_output=True, text=True, timeout=60)
    ours = [line for line in done.stderr.splitlines() if "lectern" in line]
    assert not ours and done.returncode == 0, done.stderr


def test_the_service_is_exposed_to_little(unit):
    """Of 10; what a service of the network without a sandbox has is 9.6."""
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", unit], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


# ---- analysis ----

def test_each_finding_that_is_none_has_a_reason():
    lines = [line.split(None, 3) for line in (ROOT / "script/static-known").read_text().splitlines() if line and not line.startswith("#")]
    for line in lines:
        assert len(line) == 4 and line[0] in ("cppcheck", "clang-tidy", "fanalyzer") and (ROOT / line[2]).is_file() and len(line[3].split()) > 3, line


def test_the_tree_is_tidy():
    """script/lint, which is about the checkout: a tree that is none has nothing to say."""
    if not shutil.which("git") or subprocess.run(["git", "ls-files", "--error-unmatch", "script/lint"], cwd=ROOT, capture_output=True).returncode != 0:
        pytest.skip("no checkout that git can list")
    done = subprocess.run([ROOT / "script/lint"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
