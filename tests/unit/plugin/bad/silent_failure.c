/* Fails in create, without a message and with a status that does not exist. */
#include <tokamak/plugin.h>
static tk_status fail_silently(const tk_host* host, const tk_options* options, void** self, tk_error* error) {
  (void)host, (void)options, (void)self, (void)error;
  return 77;
}
#define TABLE {sizeof(tk_placement), fail_silently, minimal_destroy, minimal_choose}
#define NAME "silent_failure"
#include "minimal.h"
