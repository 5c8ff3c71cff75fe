/*
 * Studio's libraries (v2) for who writes courses: course_id is the library's key (lib:ORG:SLUG), location_id a block's (lb:ORG:SLUG:TYPE:ID). Studio is
 * asked as the source's client, so that only callers who may generate questions, as authors do, are answered.
 */
#pragma once
#include "core/connector.h"

struct lt_connector lt_openedx_library(void);
