// The backends as loadable modules.
#include <tokamak/plugin.h>

#include <doctest/doctest.h>

#include <dlfcn.h>

#include <string>

TEST_CASE("null, reference and fake_device load and describe themselves") {
  for (const std::string name : {"null", "reference", "fake_device"}) {
    const std::string path = std::string(TEST_MODULES) + "/" + name + ".so";
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    REQUIRE_MESSAGE(library != nullptr, dlerror());
    const auto entry = reinterpret_cast<tk_plugin_entry>(dlsym(library, "tokamak_plugin"));
    REQUIRE_MESSAGE((entry != nullptr), "no symbol tokamak_plugin");
    const auto* plugin = entry(TK_ABI_MAJOR, TK_ABI_MINOR);
    REQUIRE(plugin->n_extensions == 1);
    CHECK(plugin->abi_major == TK_ABI_MAJOR);
    CHECK(plugin->extensions[0].kind == TK_KIND_BACKEND);
    CHECK(std::string(plugin->extensions[0].name) == name);
    CHECK(static_cast<const tk_backend*>(plugin->extensions[0].functions)->size == sizeof(tk_backend));
    CHECK(entry(TK_ABI_MAJOR + 1, 0)->n_extensions == 0);
    dlclose(library);
  }
}
