/*
 * Failed attempts to sign in, by client address: one of IPv4, or a /64 of IPv6. An address may fail `failures` times at once, and once
 * more every `pause_s`; then credentials that nobody knows are not looked at until the pause is over. Who has signed in well from there
 * stays known, so that one device of a school does not shut out the others behind the same address. One object for all loops, of a fixed
 * size: when more addresses fail than fit, those whose failures are oldest are forgotten first. Any thread; a lock is held for a look-up.
 */
#pragma once
#include "io/address.h"

struct lt_sign_ins;

struct lt_sign_ins_options {
    int failures; /* at once; 0 = no limit */
    int pause_s;  /* at least 1 */
};

struct lt_sign_ins *lt_sign_ins_new(const struct lt_sign_ins_options *options);
void lt_sign_ins_free(struct lt_sign_ins *sign_ins); /* NULL allowed */

/* The seconds after which credentials from there are looked at again; 0: now. Counts a refusal when it is not 0. now_ms: lt_mono_ms(). */
int lt_sign_ins_wait(struct lt_sign_ins *sign_ins, const struct lt_ip *ip, uint64_t now_ms);
/* One more has failed. True when the address is to wait from now on and was not since its failures were last forgotten: for the log. */
bool lt_sign_ins_failed(struct lt_sign_ins *sign_ins, const struct lt_ip *ip, uint64_t now_ms);

/* Who, as a number: an issuer's user at an address. */
uint64_t lt_sign_ins_who(const struct lt_sign_ins *sign_ins, const struct lt_ip *ip, struct lt_str iss, struct lt_str aud, struct lt_str user);
/* Whoever signed in well is known until others take the place, or a failure in the same name. */
void lt_sign_ins_keep(struct lt_sign_ins *sign_ins, uint64_t who);
bool lt_sign_ins_known(const struct lt_sign_ins *sign_ins, uint64_t who);
void lt_sign_ins_forget(struct lt_sign_ins *sign_ins, uint64_t who);

/* For metrics. */
void lt_sign_ins_counts(struct lt_sign_ins *sign_ins, uint64_t *ret_failed, uint64_t *ret_refused);
