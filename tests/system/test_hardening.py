"""How the program is built and how the daemon confines itself: docs/hardening.md."""
import json
import pathlib
import shutil
import subprocess

import pytest
from conftest import BUILD, ROOT

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


def compile_use(compiler, tmp_path, use, *flags):
    source = tmp_path / "use.c"
    source.write_text("#include <alloca.h>\n#include <setjmp.h>\n#include <stdarg.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <time.h>\n"
                      "void use(char *b, const char *s, va_list v, time_t n, struct tm t, jmp_buf j);\n"
                      f"void use(char *b, const char *s, va_list v, time_t n, struct tm t, jmp_buf j)\n{{\n    (void)b, (void)s, (void)v, (void)n, (void)t, (void)j;\n    (void){use};\n}}\n")
    return subprocess.run([compiler, "-std=gnu11", "-D_GNU_SOURCE", *flags, "-w", "-I", ROOT / "src", "-include", "base/banned.h", "-c", source, "-o", tmp_path / "use.o"],
                          capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("flags", [[], ["-O2", "-D_FORTIFY_SOURCE=2"]], ids=["plain", "optimised"])
def test_a_banned_function_does_not_compile(compiler, flags, tmp_path):
    good = compile_use(compiler, tmp_path, "snprintf(b, 9, s)", *flags)
    assert good.returncode == 0, good.stderr
    for name, use in BANNED.items():
        for text in (use, f"(void *)&{name}"):  # called, or given to somebody who calls it
            done = compile_use(compiler, tmp_path, text, *flags)
            assert done.returncode != 0 and f"{name}" in done.stderr and "unavailable" in done.stderr, (text, done.stderr)


def test_every_source_of_ours_is_compiled_with_the_ban():
    sources = [c for c in json.loads((BUILD / "compile_commands.json").read_text()) if "/src/" in f"/{c['output']}" and ".p/" in c["output"] and "/src/" in c["file"]]
    files = {(BUILD / c["file"]).resolve() for c in sources}
    assert len(files & set((ROOT / "src").resolve().rglob("*.c"))) > 500
    for c in sources:
        if c["output"].startswith("src/"):
            assert "-include base/banned.h" in c["command"], c["file"]
    for source in pathlib.Path(ROOT / "plugins").glob("*/*.c"):
        subprocess.run(["cc", "-std=gnu99", "-w", "-I", ROOT / "include", "-I", ROOT / "src", "-include", "base/banned.h", "-fsyntax-only", source], check=True, timeout=60)
