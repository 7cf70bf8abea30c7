/*
 * layout.h: how gathered rows lie in a block for JavaScript (block.h). Pure.
 */
#ifndef KEEL_PG_LAYOUT_H
#define KEEL_PG_LAYOUT_H

#include "rows.h"

bool keel__any_binary(const PGresult *result);
/* Of a column in text format. By the type alone: whoever has another parser for it reads it from there. */
enum keel__block_part keel__part_of(Oid type);

void keel__layout_destroy(keel__layout *layout);
/* For rows of this shape. False: no memory. */
KEEL_MUST_CHECK bool keel__layout_begin(keel__rows *rows, const PGresult *result);
/* What the event needs at most beside the words of its ends and the bytes of its cells. */
size_t keel__layout_more(const keel__rows *rows);
/* Fills in all words but the counts of rows and columns. */
void keel__layout_put(const keel__rows *rows, keel_event *event);

#endif
