/*
 * Every figure of GET /metrics: X(symbol, name, type, labels, help). The answer, its order and docs/metrics.md follow this table; the parts that
 * give the values are in metrics.c, one for each symbol. Names and labels are what dashboards and rules of operators hang on: never change one.
 */
#pragma once

#define LT_METRICS(X)                                                                                                                                  \
    X(BUILD_INFO, "lectern_build_info", GAUGE, "version", "Version of the program; always 1.")                                                         \
    X(CALLS, "lectern_calls_total", COUNTER, "site,action,outcome,code", "AI calls that ended, by outcome (completed, failed, cancelled, refused, shed) and error code.") \
    X(CALL_DURATION, "lectern_call_duration_seconds", HISTOGRAM, "site,action", "Time from the beginning of a call that passed the gates until its end was durable.") \
    X(CALL_FIRST_TEXT, "lectern_call_first_text_seconds", HISTOGRAM, "site,action", "Time until the first piece of an answer came from an AI service.") \
    X(CALLS_STREAMED, "lectern_calls_streamed_total", COUNTER, "site,action", "Calls that passed the gates whose answer was wanted as it comes.")      \
    X(REFUSALS, "lectern_call_refusals_total", COUNTER, "site,gate", "Calls refused, by the gate that did it.")                                        \
    X(CANCELLED, "lectern_calls_cancelled_total", COUNTER, "site,reason", "Calls that were cancelled, by reason.")                                     \
    X(CALLS_RUNNING, "lectern_calls_running", GAUGE, "", "AI calls under way.")                                                                        \
    X(CALLS_SHED, "lectern_calls_shed_total", COUNTER, "", "AI calls refused because too many were under way.")                                        \
    X(ATTEMPTS, "lectern_attempts_total", COUNTER, "site,provider,action,code", "Attempts at provider instances, by error code (ok: it answered).")     \
    X(ATTEMPT_DURATION, "lectern_attempt_duration_seconds", HISTOGRAM, "site,provider,action", "Time of attempts at provider instances.")              \
    X(TOKEN_COUNT, "lectern_tokens_total", COUNTER, "site,provider,action,kind", "Tokens as AI services counted them (prompt, completion, cached, reasoning).") \
    X(COST, "lectern_cost_total", COUNTER, "site,provider,action", "Cost of attempts in the site's currency (see lectern_site_info).")                 \
    X(COST_UNKNOWN, "lectern_cost_unknown_total", COUNTER, "site,provider,action", "Attempts that were answered and have no price.")                   \
    X(SITE_CALLS_RUNNING, "lectern_site_calls_running", GAUGE, "site", "AI calls of a site that are past the gates.")                                  \
    X(CIRCUIT, "lectern_provider_circuit_state", GAUGE, "site,provider", "Circuit of a provider instance: 0 closed, 1 half-open, 2 open.")             \
    X(PROVIDER_USABLE, "lectern_provider_usable", GAUGE, "site,provider", "1: the provider instance is on and fully set up.")                          \
    X(SITE_INFO, "lectern_site_info", GAUGE, "site,currency", "Sites that are enabled; always 1.")                                                     \
    X(SITE_STOPPED, "lectern_site_stopped", GAUGE, "site", "1: an emergency stop is in force.")                                                        \
    X(LIMIT_AMOUNT, "lectern_limit_amount", GAUGE, "site,limit,unit,window,action", "What a limit of a whole site allows (money in the site's currency).") \
    X(LIMIT_USED, "lectern_limit_used", GAUGE, "site,limit,unit,window,action", "What of it is used or reserved in the present window.")               \
    X(STREAMS_RUNNING, "lectern_streams_running", GAUGE, "", "Calls that are streamed now.")                                                           \
    X(PROCESSES, "lectern_processes", GAUGE, "", "Processes on the database that are not known to be dead.")                                     \
    X(TASKS_QUEUED, "lectern_tasks_queued", GAUGE, "", "Background tasks that wait.")                                                                  \
    X(TASKS_RUNNING, "lectern_tasks_running", GAUGE, "", "Background tasks that this process runs.")                                                   \
    X(TASKS_AGAIN, "lectern_tasks_again_total", COUNTER, "", "Attempts at tasks that are to be made again.")                                           \
    X(TASKS_ENDED, "lectern_tasks_ended_total", COUNTER, "state", "Background tasks that ended here, by state.")                                       \
    X(HTTP_ANSWERS, "lectern_http_answers_total", COUNTER, "class", "Answers by class of status; streams count when they end in an error only.")       \
    X(HTTP_CONNECTIONS, "lectern_http_connections", GAUGE, "", "Connections of clients.")                                                              \
    X(HTTP_REFUSED, "lectern_http_connections_refused_total", COUNTER, "", "Connections refused because there were too many.")                         \
    X(HTTP_CLOSED, "lectern_http_connections_closed_total", COUNTER, "reason", "Connections that ended, by reason.")                                   \
    X(UPSTREAM_CLOSED, "lectern_upstream_connections_closed_total", COUNTER, "reason", "Connections to services that ended, by reason.")             \
    X(ACCESS_DROPPED, "lectern_access_log_dropped_total", COUNTER, "", "Lines of the access log that were not written: too much waited, or writing failed.") \
    X(SPANS_SENT, "lectern_spans_exported_total", COUNTER, "", "Spans that the collector took.")                                                     \
    X(SPANS_DROPPED, "lectern_spans_dropped_total", COUNTER, "", "Spans that were dropped: too many waited, or the collector did not take them.")     \
    X(SPANS_QUEUED, "lectern_spans_queued", GAUGE, "", "Spans that wait for the collector.")                                                           \
    X(SIGN_IN_FAILED, "lectern_sign_in_failed_total", COUNTER, "", "Attempts to sign in with credentials that are nobody's.")                          \
    X(SIGN_IN_REFUSED, "lectern_sign_in_refused_total", COUNTER, "", "Attempts not looked at because too many from the address had failed.")           \
    X(STORE_UNITS, "lectern_store_units_total", COUNTER, "", "Units written.")                                                                         \
    X(STORE_COMMITS, "lectern_store_commits_total", COUNTER, "", "Commits (groups of units).")                                                         \
    X(STORE_FAILED, "lectern_store_failed_total", COUNTER, "", "Units that could not be written.")                                                     \
    X(STORE_COMMIT_DURATION, "lectern_store_commit_duration_seconds", HISTOGRAM, "", "Time of commits.")                                               \
    X(STORE_QUEUED_UNITS, "lectern_store_queued_units", GAUGE, "", "Units that wait for the writer.")                                                  \
    X(STORE_QUEUED_BYTES, "lectern_store_queued_bytes", GAUGE, "", "Bytes that wait for the writer.")                                                  \
    X(STORE_DELAY, "lectern_store_delay_seconds", GAUGE, "", "How long what is queued now will presumably wait.")                                      \
    X(STORE_LAST, "lectern_store_commit_last_microseconds", GAUGE, "", "Time of the last commit.")                                                     \
    X(STORE_BATCH, "lectern_store_largest_batch", GAUGE, "", "Most units in one commit.")                                                              \
    X(STORE_CHECKPOINTS, "lectern_store_checkpoints_total", COUNTER, "", "Times that the log was moved into the database.")                            \
    X(STORE_CHECKPOINTS_HELD, "lectern_store_checkpoints_held_total", COUNTER, "", "Those in which a reader held some of it back.")                    \
    X(STORE_WAL_PAGES, "lectern_store_wal_pages", GAUGE, "", "Pages in the log after the last commit.")                                                \
    X(STORE_QUERY_DURATION, "lectern_store_query_duration_seconds", HISTOGRAM, "", "Time of queries, with the wait for a connection.")                  \
    X(STORE_ROUND_TRIPS, "lectern_store_round_trips_total", COUNTER, "", "Times that a database server was asked and waited for; 0 with SQLite.")      \
    X(STORE_CONNECTS, "lectern_store_connects_total", COUNTER, "", "Tries to connect to a database server.")                                           \
    X(CONFIG_GENERATION, "lectern_config_generation", GAUGE, "", "Generation of the configuration in force.")                                          \
    X(LMS_ASKED, "lectern_lms_roles_asked_total", COUNTER, "", "Questions sent to an LMS: what a user is in a course.")                                \
    X(LMS_FAILED, "lectern_lms_roles_failed_total", COUNTER, "", "Those without an answer that could be used; they gave no role.")                     \
    X(LMS_KEPT, "lectern_lms_roles_kept_total", COUNTER, "", "Such questions answered by what was known already.")                                     \
    X(SCOPES, "lectern_scopes", GAUGE, "", "Scopes in the index.")                                                                                     \
    X(SCOPE_HITS, "lectern_scope_cache_hits_total", COUNTER, "", "Look-ups answered by the cache.")                                                    \
    X(SCOPE_MISSES, "lectern_scope_cache_misses_total", COUNTER, "", "Look-ups that the cache could not answer.")                                      \
    X(SCOPE_LIMITS, "lectern_scope_pattern_limit_total", COUNTER, "", "Patterns that took too long on a location.")                                    \
    X(SCOPE_BUILDS, "lectern_scope_index_builds_total", COUNTER, "", "Indexes of scopes built.")                                                       \
    X(SCOPE_BUILD_US, "lectern_scope_index_build_microseconds", GAUGE, "", "Time of the last one.")                                                    \
    X(CACHE_HITS, "lectern_response_cache_hits_total", COUNTER, "", "Calls answered from the response cache.")                                         \
    X(CACHE_MISSES, "lectern_response_cache_misses_total", COUNTER, "", "Calls that were looked for there in vain.")                                   \
    X(EVENTS_DELIVERED, "lectern_events_delivered_total", COUNTER, "", "Events that receivers have taken.")                                            \
    X(EVENTS_FAILED, "lectern_events_failed_total", COUNTER, "", "Deliveries that are to be tried again.")                                             \
    X(EVENTS_GIVEN_UP, "lectern_events_given_up_total", COUNTER, "", "Events that were given up.")                                                     \
    X(EVENTS_DROPPED, "lectern_events_dropped_total", COUNTER, "", "Events dropped because too many waited.")                                          \
    X(EVENTS_WAITING, "lectern_events_waiting", GAUGE, "", "Events that wait.")                                                                        \
    X(EVENTS_DEAD, "lectern_events_dead", GAUGE, "", "Events that were given up and are kept.")                                                        \
    X(EVENTS_OLDEST, "lectern_events_oldest_seconds", GAUGE, "", "How long the oldest of those that wait has waited.")                                 \
    X(FIBERS, "lectern_fibers", GAUGE, "", "Fibers alive.")                                                                                            \
    X(CPU, "process_cpu_seconds_total", COUNTER, "", "Time that the process has used of all processors.")                                              \
    X(RSS, "process_resident_memory_bytes", GAUGE, "", "Memory of the process that is resident.")                                                      \
    X(VIRTUAL, "process_virtual_memory_bytes", GAUGE, "", "Memory of the process that is mapped; stacks of fibers are reserved, not used.")            \
    X(FDS, "process_open_fds", GAUGE, "", "Descriptors that are open.")                                                                                \
    X(MAX_FDS, "process_max_fds", GAUGE, "", "Descriptors that may be open.")                                                                          \
    X(STARTED, "process_start_time_seconds", GAUGE, "", "When the process began, in seconds since 1970.")
