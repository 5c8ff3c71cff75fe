/*
 * Functions that no file of ours may use: included before all else in every file of src/ (meson.build), so that a use does not compile.
 * tests/system/test_hardening.py tries each.
 */
#pragma once
#define LT_UNAVAILABLE(instead) __attribute__((unavailable(instead)))

/* The C library has these inline: clang wants the attribute before their definition. */
/* The end of the room is not known to them. */
extern char *strcpy(char *restrict, const char *restrict) LT_UNAVAILABLE("use snprintf() or memcpy()");
extern char *stpcpy(char *restrict, const char *restrict) LT_UNAVAILABLE("use mempcpy()");
extern char *strcat(char *restrict, const char *restrict) LT_UNAVAILABLE("use snprintf() or struct lt_buf");
extern int sprintf(char *restrict, const char *restrict, ...) LT_UNAVAILABLE("use snprintf()");
extern int vsprintf(char *restrict, const char *restrict, __builtin_va_list) LT_UNAVAILABLE("use vsnprintf()");
extern char *gets(char *) LT_UNAVAILABLE("use fgets()");
/* They leave no end, or fill with zeros, or count what is left instead of what there is. */
extern char *strncpy(char *restrict, const char *restrict, __SIZE_TYPE__) LT_UNAVAILABLE("use snprintf() or memcpy()");
extern char *strncat(char *restrict, const char *restrict, __SIZE_TYPE__) LT_UNAVAILABLE("use snprintf() or struct lt_buf");
/* They tell neither what was no number nor what was too large. */
extern int atoi(const char *) LT_UNAVAILABLE("use lt_str_to_int64() or strtol()");
extern long atol(const char *) LT_UNAVAILABLE("use lt_str_to_int64() or strtol()");
__extension__ extern long long atoll(const char *) LT_UNAVAILABLE("use lt_str_to_int64() or strtoll()");
extern double atof(const char *) LT_UNAVAILABLE("use strtod()");

#include <alloca.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#undef alloca
#undef setjmp
#undef sigsetjmp
#undef sprintf

#define LT_BANNED(name, instead) extern __typeof__(name) name LT_UNAVAILABLE(instead);

/* What is too large is undefined. */
LT_BANNED(scanf, "read by hand")
LT_BANNED(fscanf, "read by hand")
LT_BANNED(sscanf, "read by hand")
LT_BANNED(vscanf, "read by hand")
LT_BANNED(vfscanf, "read by hand")
LT_BANNED(vsscanf, "read by hand")
/* One state for all threads. */
LT_BANNED(strtok, "use lt_str_cut()")
LT_BANNED(gmtime, "use gmtime_r()")
LT_BANNED(localtime, "use localtime_r()")
LT_BANNED(ctime, "use strftime()")
LT_BANNED(asctime, "use strftime()")
/* Guessable; and one state for all. */
LT_BANNED(rand, "use randombytes_buf() of libsodium")
LT_BANNED(srand, "use randombytes_buf() of libsodium")
LT_BANNED(random, "use randombytes_buf() of libsodium")
LT_BANNED(srandom, "use randombytes_buf() of libsodium")
LT_BANNED(drand48, "use randombytes_buf() of libsodium")
/* A shell reads what they are given. */
LT_BANNED(system, "use posix_spawn()")
LT_BANNED(popen, "use posix_spawn()")
/* Somebody else may make the file between the name and its opening. */
LT_BANNED(mktemp, "use mkstemp()")
LT_BANNED(tmpnam, "use mkstemp()")
LT_BANNED(tempnam, "use mkstemp()")
/* A fiber's stack is small, and a jump over fibers leaves locks and arenas behind. */
LT_BANNED(alloca, "use an arena")
extern int setjmp(jmp_buf) LT_UNAVAILABLE("return an error");
extern int sigsetjmp(sigjmp_buf, int) LT_UNAVAILABLE("return an error");
LT_BANNED(longjmp, "return an error")
LT_BANNED(siglongjmp, "return an error")
/* Both write the environment under the threads that read it. */
LT_BANNED(putenv, "give a child its own environment")
LT_BANNED(setenv, "give a child its own environment")
