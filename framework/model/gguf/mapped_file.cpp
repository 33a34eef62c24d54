// Opens and maps a file; every way this can fail names the file and the reason.
#include "model/gguf/mapped_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace tokamak {
namespace {

struct descriptor {
  int fd = -1;
  ~descriptor() {
    if (fd >= 0)
      ::close(fd);
  }
};

errc code_of(int system_error) {
  switch (system_error) {
  case ENOENT:
  case ENOTDIR: return errc::not_found;
  case EACCES:
  case EPERM: return errc::permission_denied;
  case ENOMEM: return errc::out_of_memory;
  default: return errc::io;
  }
}

tl::unexpected<error> cannot(const char* what, const std::string& path, int system_error) {
  return fail(code_of(system_error),
              fmt::format("cannot {} model file '{}': {}", what, path, std::strerror(system_error)));
}

} // namespace

expected<mapped_file> mapped_file::open(const std::string& path) {
  // O_NONBLOCK: opening a FIFO by mistake must not wait for a writer.
  const descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0)
    return cannot("open", path, errno);
  struct stat status {};
  if (::fstat(file.fd, &status) != 0)
    return cannot("read", path, errno);
  if (S_ISDIR(status.st_mode))
    return fail(errc::invalid_argument, fmt::format("cannot open model file '{}': it is a directory", path));
  if (!S_ISREG(status.st_mode))
    return fail(errc::invalid_argument,
                fmt::format("cannot open model file '{}': it is not a regular file", path));
  if (status.st_size == 0)
    return fail(errc::corrupt, fmt::format("model file '{}' is empty", path));
  const auto size = static_cast<std::size_t>(status.st_size);
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.fd, 0);
  if (address == MAP_FAILED)
    return cannot("map", path, errno);
  mapped_file result;
  result.bytes_ = {static_cast<const std::byte*>(address), size};
  return result;
}

mapped_file::mapped_file(mapped_file&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

mapped_file& mapped_file::operator=(mapped_file&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

void mapped_file::release(std::span<const std::byte> part) const {
  static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto address = [](const std::byte* p) { return reinterpret_cast<std::uintptr_t>(p); };
  const auto first = std::max(address(part.data()), address(bytes_.data()));
  const auto last = std::min(address(part.data() + part.size()), address(bytes_.data() + bytes_.size()));
  const auto begin = (first + page - 1) / page * page, end = last / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED); // a wish
}

mapped_file::~mapped_file() {
  if (!bytes_.empty())
    ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

} // namespace tokamak
