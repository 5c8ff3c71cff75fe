/*
 * Texts of users that are sealed with the master key: what placeholders stand for (guard_value), answers of the Responses API and of an
 * Idempotency-Key. There may be very many, so they are not gone through at every start as secrets are, but when the key changes. Outside loops, or a
 * fiber.
 */
#pragma once
#include "base/uuid.h"
#include "core/sealed.h"

/* Where each is sealed to (base/seal.h). Text in the arena. */
struct lt_str lt_sealed_place_value(struct lt_arena *arena, int64_t site_id, struct lt_str user_id, struct lt_str placeholder);
struct lt_str lt_sealed_place_response(struct lt_arena *arena, struct lt_uuid id, const char *column);
struct lt_str lt_sealed_place_answer(struct lt_arena *arena, int64_t site_id, struct lt_str caller, struct lt_str name);

/* Adds to *view what there is, by key; what is not sealed does not count. */
enum lt_code lt_sealed_rows_look(struct lt_store *store, const struct lt_keyring *ring, struct lt_secrets_view *view, struct lt_error *err);
/*
 * Seals with the ring's first key what another key of the ring has sealed, in many units: what is done stays done when it fails, and it may be asked
 * again. What is changed meanwhile, and what cannot be opened, stays as it is. Adds to *resealed and *lost.
 */
enum lt_code lt_sealed_rows_reseal(struct lt_store *store, const struct lt_keyring *ring, size_t *resealed, size_t *lost, struct lt_error *err);
