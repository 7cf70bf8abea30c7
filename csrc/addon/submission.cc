/*
 * submission.cc: the operations that JavaScript collected during a tick (lib/submission.js describes the stream), carried
 * out in their order. The text comes as one string and is converted once; nothing here is called for each value.
 */
#include <cstring>
#include <vector>

#include "environment.h"

namespace keel_addon {

namespace {

enum Op {
  kQuery = 1,
  kAcquire = 2,
  kAbort = 3,
  kRelease = 4,
  kHoldNew = 5,
  kPassword = 6,
  kClose = 7,
  kDefine = 8,
  kAcknowledge = 9,
  kBreaker = 10,
  kCheck = 11
};

constexpr int32_t kParamNull = -1;
constexpr int32_t kParamBinary = -2;
constexpr size_t kMaxUtf8PerUnit = 3;
/* A larger conversion buffer is not kept. */
constexpr size_t kKeptBytes = size_t{1} << 20;

struct Text {
  const char *data;
  size_t length;
};

/* Cuts the joined text into its parts, whose lengths are counted in UTF-16 units. */
class TextReader {
 public:
  TextReader(const char *data, size_t bytes, size_t units) : at_(data), ascii_(bytes == units) {}

  /* NULL for a length of -1. */
  Text Take(int32_t units) {
    if (units < 0) return {nullptr, 0};
    const char *begin = at_;
    const char *end = ascii_ ? begin + units : Skip(begin, units);
    at_ = end + 1;
    return {begin, static_cast<size_t>(end - begin)};
  }

 private:
  /* A code point of four bytes is two units; any other is one. */
  static const char *Skip(const char *at, int32_t units) {
    while (units > 0) {
      auto lead = static_cast<unsigned char>(*at);
      at += lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
      units -= lead < 0xF0 ? 1 : 2;
    }
    return at;
  }

  const char *at_;
  bool ascii_;
};

class OpReader {
 public:
  OpReader(Environment *environment, const int32_t *words, size_t count, TextReader texts, Text binary)
      : environment_(environment), at_(words), end_(words + count), texts_(texts), binary_(binary) {
    // Each parameter takes a word at least, so that this never grows, and what requests point to stays where it is.
    params_.resize(count);
    lengths_.resize(count);
    formats_.resize(count);
  }

  void Run() {
    while (at_ < end_) RunOne();
    SubmitBatch();
  }

  /* Code and tag of each request that nobody took. */
  const std::vector<uint32_t> &refused() const { return refused_; }

 private:
  void RunOne() {
    auto op = static_cast<Op>(Next());
    auto pool_id = static_cast<uint32_t>(Next());
    bool is_request = op == kQuery || op == kAcquire;
    // What a batch refers to stays as it is until the batch has been handed over.
    if (pool_id != batch_pool_ || !is_request) SubmitBatch();
    batch_pool_ = pool_id;
    switch (op) {
      case kDefine:
        return ReadDefinition();
      case kQuery:
        return ReadQuery();
      case kAcquire:
        return ReadAcquire();
      default:
        return RunCommand(op, environment_->FindPool(pool_id));
    }
  }

  /* An operation of three words that is no request. No pool: it has been closed meanwhile, and nothing is left to do. */
  void RunCommand(Op op, keel_pool *pool) {
    uint32_t words[] = {Next(), Next(), Next()};
    uint64_t number = words[0] | uint64_t{words[1]} << 32;
    Text texts[2] = {};
    if (op == kPassword) {
      texts[0] = texts_.Take(static_cast<int32_t>(words[1]));
      texts[1] = texts_.Take(static_cast<int32_t>(words[2]));
    }
    if (pool == nullptr) return;
    switch (op) {
      case kAbort:
        return keel_abort(pool, number);
      case kAcknowledge:
        return keel_ack(pool, number, words[2]);
      case kRelease:
        return keel_release(pool, number, words[2] != 0);
      case kCheck:
        return keel_pool_check(pool);
      case kHoldNew:
        return keel_pool_hold_new(pool, words[0] != 0);
      case kBreaker:
        return keel_pool_breaker(pool, static_cast<keel_breaker_action>(words[0]));
      case kPassword:
        return keel_pool_password(pool, words[0], texts[0].data, texts[1].data);
      default:
        return keel_pool_close(pool, static_cast<int32_t>(words[0]), words[1] != 0);
    }
  }

  void ReadAcquire() {
    keel_request request = {};
    request.kind = KEEL_ACQUIRE;
    request.tag = NextNumber();
    request.timeout_ms = static_cast<int32_t>(Next());
    batch_.push_back(request);
  }

  void ReadQuery() {
    keel_request request = {};
    request.kind = KEEL_QUERY;
    request.tag = NextNumber();
    request.lease = NextNumber();
    request.flags = Next();
    request.timeout_ms = static_cast<int32_t>(Next());
    request.statement = environment_->FindStatement(Next());
    auto prelude = static_cast<int32_t>(Next());
    if (prelude > 0) request.prelude = environment_->FindStatement(static_cast<uint32_t>(prelude));
    ReadParams(&request);
    // A text that could not be kept, for want of memory; or a name that is none.
    if (request.statement == nullptr || (prelude > 0 && request.prelude == nullptr) || missing_) {
      Refuse(KEEL_MISUSE, request.tag);
    } else {
      batch_.push_back(request);
    }
  }

  void ReadDefinition() {
    uint32_t slot = Next();
    auto text_units = static_cast<int32_t>(Next());
    auto name_units = static_cast<int32_t>(Next());
    Text text = texts_.Take(text_units);
    Text name = texts_.Take(name_units);
    // A name is a C string: what is before a NUL would be another statement's name.
    keel_statement *statement =
        HasNul(name) ? nullptr : keel_statement_new(text.data, text.length, name.data);
    environment_->SetStatement(slot, statement);
  }

  void ReadParams(keel_request *request) {
    request->param_count = Next();
    request->params = &params_[param_];
    request->param_lengths = &lengths_[param_];
    request->param_formats = &formats_[param_];
    for (uint32_t i = 0; i < request->param_count; i++) ReadParam();
  }

  void ReadParam() {
    auto word = static_cast<int32_t>(Next());
    bool is_binary = word <= kParamBinary;
    Text value = texts_.Take(is_binary ? kParamNull : word);
    if (is_binary) value = TakeBinary(static_cast<size_t>(kParamBinary - word));
    params_[param_] = value.data;
    lengths_[param_] = static_cast<int32_t>(value.length);
    formats_[param_] = is_binary ? 1 : 0;
    param_++;
  }

  /* No bytes at all are an empty value; a null pointer would be SQL's NULL. */
  Text TakeBinary(size_t length) {
    missing_ = missing_ || length > binary_.length;
    if (missing_ || length == 0) return {"", 0};
    Text taken = {binary_.data, length};
    binary_ = {binary_.data + length, binary_.length - length};
    return taken;
  }

  void SubmitBatch() {
    if (batch_.empty()) return;
    keel_pool *pool = environment_->FindPool(batch_pool_);
    // A malformed request has all of its batch refused, and the others are not to suffer for it.
    if (SubmitSome(pool, batch_.data(), batch_.size()) != KEEL_OK) {
      for (const keel_request &request : batch_) {
        keel_code code = SubmitSome(pool, &request, 1);
        if (code != KEEL_OK) Refuse(code, request.tag);
      }
    }
    batch_.clear();
  }

  static keel_code SubmitSome(keel_pool *pool, const keel_request *requests, size_t count) {
    return pool == nullptr ? KEEL_POOL_CLOSED : keel_submit(pool, requests, count);
  }

  void Refuse(keel_code code, uint64_t tag) {
    refused_.insert(refused_.end(), {static_cast<uint32_t>(code), static_cast<uint32_t>(tag),
                                     static_cast<uint32_t>(tag >> 32)});
  }

  static bool HasNul(Text text) { return text.length > 0 && memchr(text.data, 0, text.length) != nullptr; }

  uint32_t Next() { return static_cast<uint32_t>(*at_++); }

  uint64_t NextNumber() {
    uint64_t low = Next();
    return low | uint64_t{Next()} << 32;
  }

  Environment *environment_;
  const int32_t *at_;
  const int32_t *end_;
  TextReader texts_;
  Text binary_; /* what is left of it */
  uint32_t batch_pool_ = 0;
  std::vector<keel_request> batch_;
  std::vector<const char *> params_;
  std::vector<int32_t> lengths_;
  std::vector<uint8_t> formats_;
  size_t param_ = 0;
  std::vector<uint32_t> refused_;
  bool missing_ =
      false; /* fewer bytes came than the words say: no value is what it should be from there on */
};

Napi::Value RefusedList(Napi::Env env, const std::vector<uint32_t> &refused) {
  if (refused.empty()) return env.Undefined();
  auto list = Napi::Array::New(env, refused.size());
  for (uint32_t i = 0; i < refused.size(); i++) list.Set(i, refused[i]);
  return list;
}

}  // namespace

Napi::Value Submit(Environment *environment, const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto words = info[0].As<Napi::Int32Array>();
  uint32_t count = info[1].As<Napi::Number>().Uint32Value();
  size_t units = 0;
  napi_get_value_string_utf16(env, info[2], nullptr, 0, &units);
  // Room for the longest encoding: one call converts without counting first.
  std::vector<char> &buffer = environment->conversion_buffer();
  if (buffer.size() < units * kMaxUtf8PerUnit + 1) buffer.resize(units * kMaxUtf8PerUnit + 1);
  size_t bytes = 0;
  napi_get_value_string_utf8(env, info[2], buffer.data(), buffer.size(), &bytes);
  Text binary = {"", 0};
  if (!info[3].IsUndefined()) {
    auto bytes_given = info[3].As<Napi::Buffer<char>>();
    binary = {bytes_given.Data(), bytes_given.Length()};
  }

  OpReader reader(environment, words.Data(), count, TextReader(buffer.data(), bytes, units), binary);
  reader.Run();
  environment->Turn();
  if (buffer.size() > kKeptBytes) std::vector<char>().swap(buffer);
  return RefusedList(env, reader.refused());
}

}  // namespace keel_addon
