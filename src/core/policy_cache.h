/* The part of policy.c that only the manager's gate uses. */
#pragma once
#include "core/caller.h"

/* True when this loop knows that the user has accepted the present version; false says nothing. No lock, no I/O. */
bool lt_policy_known_accepted(const struct lt_caller *caller);
