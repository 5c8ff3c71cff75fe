/* The data directory belongs to one daemon at a time. */
#pragma once
#include "cli/settings.h"

/* Makes DIR (0700) when it is missing, and the directories above it. LT_ECONFIG: it cannot be made. */
enum lt_code lt_data_dir_make(const struct lt_settings *settings, struct lt_error *err);
/* Makes DIR (0700) when it is missing and takes the lock DIR/lectern.lock; *ret_fd holds it until closed. LT_ECONFLICT: another daemon. */
enum lt_code lt_data_dir_lock(const struct lt_settings *settings, int *ret_fd, struct lt_error *err);
/* Does a daemon hold that lock? */
bool lt_data_dir_in_use(const struct lt_settings *settings);
