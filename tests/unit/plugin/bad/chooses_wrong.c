/* Chooses the member whose index is the id of the request, good or not. */
#include <tokamak/plugin.h>
static size_t choose_id(void* self, const tk_placement_request* request, const tk_placement_member* members,
                        size_t n_members) {
  (void)self, (void)members, (void)n_members;
  return request->id;
}
#define TABLE {sizeof(tk_placement), minimal_create, minimal_destroy, choose_id}
#define NAME "chooses_wrong"
#include "minimal.h"
