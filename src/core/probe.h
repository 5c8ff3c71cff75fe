/*
 * What an administrator asks of one instance: does it answer, which models has it, what does it keep of a conversation. The test goes
 * through process_action() like every other call, and into the register, but asks this one instance whether or not it is enabled or
 * left alone.
 */
#pragma once
#include "core/manager.h"

/* Runs a small call of the first action that the instance serves. Fiber. LT_EUNSUPPORTED when it serves none that can be tested. */
enum lt_code lt_provider_test(struct lt_manager *manager, struct lt_config *config, struct lt_arena *arena, const struct lt_caller *caller,
                              const struct lt_provider_instance *instance, struct lt_call_result *ret);
/*
 * The models that the vendor lists, sorted, each once, at most 1,000. Fiber; at most 30 s. LT_EUNSUPPORTED when the vendor has no such
 * call, LT_ECONFIG when the instance is not configured, else the vendor's fault.
 */
enum lt_code lt_provider_models(struct lt_manager *manager, struct lt_arena *arena, const struct lt_caller *caller,
                                const struct lt_provider_instance *instance, struct lt_str **ret, size_t *ret_n, struct lt_error *err);
/*
 * An answer that the vendor keeps. Fiber; until the deadline (lt_loop_now() scale). Errors as above; LT_ENOT_FOUND when it keeps none
 * under that id. In the arena, all answers of which may come to 64 MiB.
 */
enum lt_code lt_provider_response(struct lt_manager *manager, struct lt_arena *arena, const struct lt_caller *caller,
                                  const struct lt_provider_instance *instance, struct lt_str response_id, uint64_t deadline_ms,
                                  struct lt_kept_response *ret, struct lt_error *err);
/* The id of the answer before one that the vendor keeps, without its content; "" = it is the first. As above. */
enum lt_code lt_provider_response_before(struct lt_manager *manager, struct lt_arena *arena, const struct lt_caller *caller,
                                         const struct lt_provider_instance *instance, struct lt_str response_id, uint64_t deadline_ms,
                                         struct lt_str *ret, struct lt_error *err);
/* Has the vendor delete an answer that it keeps. As above: LT_ENOT_FOUND when it keeps none under that id. */
enum lt_code lt_provider_forget(struct lt_manager *manager, struct lt_arena *arena, const struct lt_caller *caller,
                                const struct lt_provider_instance *instance, struct lt_str response_id, uint64_t deadline_ms, struct lt_error *err);
