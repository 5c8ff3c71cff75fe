/* libgd, loaded with the first picture that is drawn: it brings two dozen libraries along, which cost each process some MiB. Private to picture/. */
#pragma once
#include <gd.h>

#include "base/dso.h"

#define LT_GD_FUNCTIONS(X) \
    X(gdFree) X(gdImageAlphaBlending) X(gdImageCopy) X(gdImageCreateFromJpegPtr) \
    X(gdImageCreateFromPngPtr) X(gdImageCreateFromWebpPtr) X(gdImageCreateTrueColor) X(gdImageDestroy) \
    X(gdImageFilledRectangle) X(gdImageJpegPtr) X(gdImagePaletteToTrueColor) X(gdImagePngPtrEx) \
    X(gdImageSaveAlpha) X(gdImageStringFT) X(gdImageWebpPtrEx) X(gdSetErrorMethod)

struct lt_gd {
    LT_DSO_MEMBERS(LT_GD_FUNCTIONS)
};

/* Its functions, which stay until the process ends. LT_ECONFIG when it is not there. Reads files the first time, so on a worker. */
enum lt_code lt_gd_load(const struct lt_gd **ret, struct lt_error *err);
