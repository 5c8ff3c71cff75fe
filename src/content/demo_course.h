/* The connector of the demo course, for the site `demo` alone. */
#pragma once
#include "core/connector.h"

/* share_dir: holds demo/course.json and the units it names; valid as long as the connector. The files are read, on a worker, at each question. */
struct lt_connector lt_demo_course(const char *share_dir);
