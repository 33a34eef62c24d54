/* A correct placement plugin in parts; each file beside this one breaks a single part of it. */
#include <tokamak/plugin.h>

__attribute__((unused)) static tk_status minimal_create(const tk_host* host, const tk_options* options, void** self,
                                                        tk_error* error) {
  (void)host, (void)options, (void)error;
  *self = NULL;
  return TK_OK;
}
__attribute__((unused)) static void minimal_destroy(void* self) { (void)self; }
__attribute__((unused)) static size_t minimal_choose(void* self, const tk_placement_request* request,
                                                     const tk_placement_member* members, size_t n_members) {
  (void)self, (void)request, (void)members, (void)n_members;
  return 0;
}

#ifndef TABLE
#define TABLE {sizeof(tk_placement), minimal_create, minimal_destroy, minimal_choose}
#endif
__attribute__((unused)) static const tk_placement table = TABLE;

#ifndef FUNCTIONS
#define FUNCTIONS &table
#endif
#ifndef KIND
#define KIND TK_KIND_PLACEMENT
#endif
#ifndef OPTIONS
#define OPTIONS NULL, 0
#endif
#ifndef NAME
#define NAME "first"
#endif
#ifndef EXTENSION_SIZE
#define EXTENSION_SIZE sizeof(tk_extension)
#endif
#ifndef EXTENSIONS
#define EXTENSIONS {{EXTENSION_SIZE, KIND, NAME, "The first available one.", OPTIONS, FUNCTIONS, NULL}}
#endif
__attribute__((unused)) static const tk_extension extensions[] = EXTENSIONS;

#ifndef PLUGIN
#define PLUGIN                                                                                                     \
  {sizeof(tk_plugin), TK_ABI_MAJOR, TK_ABI_MINOR, "minimal", "0.1", "Apache-2.0", "For tests.", extensions,        \
   sizeof extensions / sizeof extensions[0]}
#endif
__attribute__((unused)) static const tk_plugin plugin = PLUGIN;

#ifndef RESULT
#define RESULT &plugin
#endif
TK_EXPORT const tk_plugin* tokamak_plugin(uint32_t host_abi_major, uint32_t host_abi_minor) {
  (void)host_abi_major, (void)host_abi_minor;
  return RESULT;
}
