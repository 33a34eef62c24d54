// OpenSSL reads and writes through a BIO of our own, so that nothing is copied but by it.
#include "frontend/http/tls_session.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace tokamak::frontend {

/// A session's two ends as OpenSSL sees them.
struct tls_stream {
  static tls_session& of(BIO* bio) { return *static_cast<tls_session*>(BIO_get_data(bio)); }

  static int write(BIO* bio, const char* bytes, int n) {
    of(bio).wire.append(bytes, static_cast<std::size_t>(n));
    return n;
  }

  static int read(BIO* bio, char* into, int n) {
    auto& unread = of(bio).unread_;
    BIO_clear_retry_flags(bio);
    if (unread.empty()) {
      BIO_set_retry_read(bio);
      return -1;
    }
    const auto taken = std::min(static_cast<std::size_t>(n), unread.size());
    std::memcpy(into, unread.data(), taken);
    unread.remove_prefix(taken);
    return static_cast<int>(taken);
  }

  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static const BIO_METHOD* method() {
    static const BIO_METHOD* const made = [] {
      auto* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "tokamak");
      BIO_meth_set_write(m, write);
      BIO_meth_set_read(m, read);
      BIO_meth_set_ctrl(m, control);
      return m;
    }();
    return made;
  }
};

tls_session::tls_session(const tls_certificate& certificate) : ssl_(SSL_new(certificate.context())) {
  auto* const bio = BIO_new(tls_stream::method());
  if (ssl_ == nullptr || bio == nullptr) throw std::bad_alloc(); // as everything else does where there is no memory
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
  SSL_set_accept_state(ssl_);
}

tls_session::~tls_session() { SSL_free(ssl_); }

bool tls_session::established() const { return SSL_is_init_finished(ssl_) == 1; }

tls_session::state tls_session::receive(std::string_view bytes, boost::beast::flat_buffer& plain) {
  constexpr std::size_t record = 16u << 10; // the largest
  if (broken_) return state::broken;
  fresh_ = false;
  unread_ = bytes;
  for (;;) {
    ERR_clear_error();
    const auto room = plain.prepare(record);
    const int n = SSL_read(ssl_, room.data(), static_cast<int>(room.size()));
    if (n > 0) {
      plain.commit(static_cast<std::size_t>(n));
      continue;
    }
    const auto why = SSL_get_error(ssl_, n);
    if (why == SSL_ERROR_WANT_READ) return state::good;
    if (why == SSL_ERROR_ZERO_RETURN) return state::ended;
    broken_ = true;
    ERR_clear_error();
    return state::broken;
  }
}

bool tls_session::send(std::string_view plain) {
  if (plain.empty()) return true;
  ERR_clear_error();
  std::size_t sent = 0;
  broken_ = broken_ || SSL_write_ex(ssl_, plain.data(), plain.size(), &sent) != 1;
  return !broken_;
}

void tls_session::end() {
  if (broken_ || !established() || (SSL_get_shutdown(ssl_) & SSL_SENT_SHUTDOWN) != 0) return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
}

} // namespace tokamak::frontend
