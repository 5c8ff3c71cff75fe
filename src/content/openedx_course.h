/*
 * Courses of Open edX over REST: the course blocks API in the user's name, so that the LMS itself leaves out what that user may not see. Texts that
 * the LMS does not give (problems; HTML unless ENABLE_HTML_XBLOCK_STUDENT_VIEW_DATA) are asked of Studio, block by block, for those blocks alone
 * that the LMS has shown.
 */
#pragma once
#include "core/connector.h"

struct lt_connector lt_openedx_course(void);
