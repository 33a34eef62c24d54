// PEM files into an OpenSSL context, with what is wrong with them said in words.
#include "frontend/http/tls_certificate.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <string_view>

namespace tokamak::frontend {
namespace {

template <auto Free>
struct freed {
  template <class T>
  void operator()(T* p) const { Free(p); }
};
using bio_pointer = std::unique_ptr<BIO, freed<BIO_free>>;
using x509_pointer = std::unique_ptr<X509, freed<X509_free>>;
using key_pointer = std::unique_ptr<EVP_PKEY, freed<EVP_PKEY_free>>;

// OpenSSL's reason for the last failure; its queue is empty afterwards.
std::string reason() {
  const auto* text = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return text ? text : "unknown reason";
}

bool was_end_of_pem() { return ERR_GET_LIB(ERR_peek_last_error()) == ERR_LIB_PEM && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE; }

expected<std::string> content_of(const std::string& path, std::string_view what) {
  constexpr std::size_t most = 1u << 20;
  errno = 0;
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "re"), [](FILE* f) { return f ? std::fclose(f) : 0; });
  std::string text(most + 1, '\0');
  if (file) text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (!file || std::ferror(file.get()) != 0)
    return fail(errno == EACCES ? errc::permission_denied : errno == ENOENT ? errc::not_found : errc::io, fmt::format("cannot be read: {}; expected {}", std::strerror(errno), what), path);
  if (text.size() > most) return fail(errc::too_large, fmt::format("the file has more than {} bytes; expected {}", most, what), path);
  return text;
}

// The name of the first PEM block, "PRIVATE KEY" for instance.
std::string_view first_block(std::string_view text) {
  constexpr std::string_view begin = "-----BEGIN ";
  const auto at = text.find(begin);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + begin.size());
  return text.substr(0, std::min(text.find("-----"), std::size_t{40}));
}

std::string found(std::string_view text) {
  const auto block = first_block(text);
  return text.empty() ? "is empty" : block.empty() ? "is no PEM file" : fmt::format("begins with a {}", block);
}

// The certificates of a chain, the server's own first.
expected<std::vector<x509_pointer>> read_chain(const std::string& path) {
  constexpr std::string_view what = "a chain of certificates in PEM, the server's own first";
  const auto text = content_of(path, what);
  if (!text) return fail(text.error());
  const bio_pointer in(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  std::vector<x509_pointer> chain;
  while (auto* next = PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)) chain.emplace_back(next);
  if (!was_end_of_pem()) return fail(errc::corrupt, fmt::format("certificate {} is broken ({}); expected {}", chain.size() + 1, reason(), what), path);
  ERR_clear_error();
  if (chain.empty()) return fail(errc::corrupt, fmt::format("{}; expected {}", found(*text), what), path);
  return chain;
}

expected<key_pointer> read_key(const std::string& path) {
  constexpr std::string_view what = "the certificate's private key in PEM";
  const auto text = content_of(path, what);
  if (!text) return fail(text.error());
  const bio_pointer in(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  bool asked = false; // for a passphrase, which by default would be at the terminal
  const auto no_passphrase = [](char*, int, int, void* into) {
    *static_cast<bool*>(into) = true;
    return -1;
  };
  key_pointer key(PEM_read_bio_PrivateKey(in.get(), nullptr, no_passphrase, &asked));
  if (key) return key;
  ERR_clear_error();
  if (asked) return fail(errc::unsupported, "the key has a passphrase; expected one without, in a file that only the service may read", path);
  if (text->find("PRIVATE KEY-----") == std::string::npos) return fail(errc::corrupt, fmt::format("{}; expected {}", found(*text), what), path);
  return fail(errc::corrupt, fmt::format("the key is broken or of a kind that is not known; expected {}", what), path);
}

// HTTP/1.1 or nothing; a client that offers neither gets no answer about it.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* in, unsigned in_length, void*) {
  static constexpr unsigned char ours[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_length, ours, sizeof ours - 1, in, in_length) != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

std::shared_ptr<SSL_CTX> new_context() {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context.get(), "ECDHE+AESGCM:ECDHE+CHACHA20"); // of TLS 1.2; those of 1.3 are all good
  SSL_CTX_set_options(context.get(), SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);                  // idle connections are many
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);          // sessions are resumed by tickets, which clients keep
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  return context;
}

std::string text_of(const ASN1_TIME* time) {
  const bio_pointer out(BIO_new(BIO_s_mem()));
  ASN1_TIME_print(out.get(), time);
  char* text = nullptr;
  const auto n = BIO_get_mem_data(out.get(), &text);
  return std::string(text, static_cast<std::size_t>(n));
}

} // namespace

expected<tls_certificate> tls_certificate::read(std::string chain_file, std::string key_file) {
  tls_certificate made;
  made.chain_file_ = std::move(chain_file);
  made.key_file_ = std::move(key_file);
  made.stamp_ = made.stamp_now();
  if (auto ok = made.load(); !ok) return fail(ok.error());
  return made;
}

expected<bool> tls_certificate::renew() {
  const auto now = stamp_now();
  if (now == stamp_) return false;
  stamp_ = now;
  if (auto ok = load(); !ok) return fail(ok.error());
  return true;
}

tls_certificate::stamp tls_certificate::stamp_now() const {
  stamp all{};
  auto* to = all.data();
  for (const auto* path : {&chain_file_, &key_file_}) {
    struct stat about {};
    if (::stat(path->c_str(), &about) == 0) {
      to[0] = about.st_mtim.tv_sec;
      to[1] = about.st_mtim.tv_nsec;
      to[2] = static_cast<std::int64_t>(about.st_ino);
      to[3] = about.st_size;
    }
    to += 4;
  }
  return all;
}

// All or nothing: what there was stays if anything is wrong.
expected<void> tls_certificate::load() {
  auto chain = read_chain(chain_file_);
  if (!chain) return fail(chain.error());
  auto key = read_key(key_file_);
  if (!key) return fail(key.error());
  auto* const own = chain->front().get();
  if (X509_check_private_key(own, key->get()) != 1) {
    ERR_clear_error();
    return fail(errc::invalid_argument, fmt::format("this is not the key of the first certificate in '{}'; expected the key that it was made with", chain_file_), key_file_);
  }
  const auto context = new_context();
  if (SSL_CTX_use_certificate(context.get(), own) != 1) return fail(errc::unsupported, fmt::format("certificate 1 cannot be used: {}; expected one that clients accept", reason()), chain_file_);
  for (std::size_t i = 1; i < chain->size(); ++i)
    if (SSL_CTX_add1_chain_cert(context.get(), (*chain)[i].get()) != 1)
      return fail(errc::unsupported, fmt::format("certificate {} cannot be used: {}; expected one that clients accept", i + 1, reason()), chain_file_);
  if (SSL_CTX_use_PrivateKey(context.get(), key->get()) != 1) return fail(errc::unsupported, fmt::format("the key cannot be used: {}", reason()), key_file_);

  warnings_.clear();
  for (std::size_t i = 0; i < chain->size(); ++i) {
    const auto *from = X509_get0_notBefore((*chain)[i].get()), *until = X509_get0_notAfter((*chain)[i].get());
    if (X509_cmp_current_time(until) < 0)
      warnings_.push_back({errc::invalid_argument, fmt::format("certificate {} expired at {}; clients will refuse it", i + 1, text_of(until)), chain_file_});
    else if (X509_cmp_current_time(from) > 0)
      warnings_.push_back({errc::invalid_argument, fmt::format("certificate {} is valid from {} on; clients will refuse it until then", i + 1, text_of(from)), chain_file_});
  }
  struct stat about {};
  if (::stat(key_file_.c_str(), &about) == 0 && (about.st_mode & 007) != 0)
    warnings_.push_back({errc::permission_denied, fmt::format("mode {:04o}: others may read the key; expected 0600", about.st_mode & 07777), key_file_});
  expires_ = text_of(X509_get0_notAfter(own));
  context_ = context;
  return {};
}

} // namespace tokamak::frontend
