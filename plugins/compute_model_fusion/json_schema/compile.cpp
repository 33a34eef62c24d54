// Schema → automaton. A value is a rule; an object or array is a chain of states in one, with calls for its members; $ref is a call of a rule that may
// be the one it stands in.
#include <algorithm>
#include <map>
#include <set>

#include "json_schema/automaton.hpp"
#include "json_schema/mask_cache.hpp"
#include "json_schema/merge.hpp"
#include "json_schema/number_text.hpp"
#include "json_schema/regex.hpp"

namespace tokamak::json_schema {

namespace {

constexpr int max_depth = 200;
constexpr std::size_t max_choices = 400; ///< at one place; below max_stacks
constexpr std::uint32_t max_count = 0xfffffff0u;
constexpr int max_indent = 32;

class compiler {
 public:
  explicit compiler(const json& root) : root_(root), merge_(root) {
    end_ = out_.add(true);
    space_ = white_space();
  }

  automaton whole() {
    const auto start = out_.add(), value = out_.add();
    out_.enter(start, {space_, value});
    out_.enter(value, {reference("#", "/$ref"), end_});
    return out_.finish(start);
  }

 private:
  // At most one space, or a new line and what it is indented by.
  std::uint32_t white_space() {
    const auto start = out_.add(true), one = out_.add(true);
    out_.read(start, ' ', ' ', one);
    auto line = out_.add(true);
    out_.read(start, '\n', '\n', line);
    for (int i = 0; i < max_indent; ++i) {
      const auto next = out_.add(true);
      out_.read(line, ' ', ' ', next);
      out_.read(line, '\t', '\t', next);
      line = next;
    }
    return start;
  }

  std::uint32_t reference(const json& ref, const std::string& path) {
    const json& target = resolve(root_, ref, path);
    const auto [found, fresh] = references_.try_emplace(&target, 0);
    if (!fresh) return found->second;
    const auto rule = found->second = out_.add();
    const auto pointer = ref.get<std::string>().substr(1);
    out_.name(rule, pointer.empty() ? "/" : pointer);
    out_.skip(rule, value(target, pointer));
    return rule;
  }

  std::uint32_t value(const json& schema, const std::string& path) {
    if (++depth_ > max_depth) fail(path, "schemas that lead to each other over more than " + std::to_string(max_depth) + " levels", "fewer");
    const auto rule = value_at_depth(schema, path);
    --depth_;
    return rule;
  }
  std::uint32_t value_at_depth(const json& schema, const std::string& path) {
    if (schema == true) return anything();
    if (schema == false) return out_.add();
    if (!schema.is_object()) fail(path, shown(schema), "a schema (an object, true or false)");
    refuse_keywords(schema, path);
    const bool refers = schema.contains("$ref");
    if (refers && !constrains_beside(schema, {"$ref"})) return reference(schema["$ref"], below(path, "$ref"));
    if (!refers && !schema.contains("allOf")) return flat(schema, path);
    const auto [found, fresh] = merged_.try_emplace(schema.dump(), 0);
    if (!fresh) return found->second;
    const auto rule = found->second = out_.add();
    out_.name(rule, path.empty() ? "/" : path);
    const json one = merge_.flat(schema, path);
    out_.skip(rule, one.is_boolean() ? out_.add() : flat(one, path));
    return rule;
  }

  // Without $ref and allOf.
  std::uint32_t flat(const json& s, const std::string& path) {
    if (s.contains("nullable")) {
      json with_null = s;
      allow_null(with_null);
      return flat(with_null, path);
    }
    for (const char* key : {"anyOf", "oneOf"})
      if (s.contains(key)) return branches(s, key, path);
    if (s.contains("enum") || s.contains("const")) return listed(s, path);
    const auto types = types_of(s, path);
    if (types.empty()) return anything();
    std::vector<std::uint32_t> rules;
    for (const auto& type : types) rules.push_back(typed(type, s, path));
    const auto rule = choice(rules);
    out_.name(rule, path.empty() ? "/" : path);
    return rule;
  }

  std::uint32_t branches(const json& s, const char* key, const std::string& path) {
    const auto& list = s[key];
    const auto where = below(path, key);
    if (!list.is_array() || list.empty()) fail(where, list.is_array() ? "an empty array" : shown(list), "an array of schemas");
    json rest = s;
    rest.erase(key);
    const bool more = constrains_beside(rest, {});
    std::vector<std::uint32_t> rules;
    std::vector<std::string> texts; // of branches that are scalars alone, which become one automaton
    std::set<std::string> seen;
    for (std::size_t i = 0; i < list.size(); ++i) {
      const auto here = below(where, std::to_string(i));
      if (!seen.insert(list[i].dump()).second) continue;
      if (!more && list[i].is_object() && list[i].contains("const") && !constrains_beside(list[i], {"const"}) && !list[i]["const"].is_structured()) {
        refuse_keywords(list[i], here);
        texts.push_back(list[i]["const"].dump());
      } else {
        rules.push_back(more ? value(both(list[i], rest), here) : value(list[i], here));
      }
    }
    if (!texts.empty()) rules.push_back(literals(texts));
    if (rules.size() > max_choices) fail(where, std::to_string(rules.size()) + " alternatives", "at most " + std::to_string(max_choices));
    return choice(rules);
  }

  std::vector<std::string> types_of(const json& s, const std::string& path) {
    static const std::vector<std::string> known = {"object", "array", "string", "integer", "number", "boolean", "null"};
    std::vector<std::string> out;
    if (const auto type = s.find("type"); type != s.end()) {
      const bool list = type->is_array();
      for (std::size_t i = 0; i < (list ? type->size() : 1); ++i) {
        const json& t = list ? (*type)[i] : *type;
        const auto where = list ? below(below(path, "type"), std::to_string(i)) : below(path, "type");
        if (!t.is_string() || std::find(known.begin(), known.end(), t.get<std::string>()) == known.end())
          fail(where, shown(t), "one of \"object\", \"array\", \"string\", \"integer\", \"number\", \"boolean\", \"null\"");
        if (std::find(out.begin(), out.end(), t.get<std::string>()) == out.end()) out.push_back(t.get<std::string>());
      }
      if (std::find(out.begin(), out.end(), "number") != out.end()) std::erase(out, "integer");
      if (out.empty()) return {"nothing"};
      return out;
    }
    // The types that the keywords are about.
    const auto any = [&](std::initializer_list<const char*> keys) { return std::any_of(keys.begin(), keys.end(), [&](const char* k) { return s.contains(k); }); };
    if (any({"properties", "required", "additionalProperties", "minProperties", "maxProperties"})) out.push_back("object");
    if (any({"items", "prefixItems", "minItems", "maxItems"})) out.push_back("array");
    if (any({"minLength", "maxLength", "pattern"}) || (s.contains("format") && s["format"].is_string() && !pattern_of_format(s["format"].get<std::string>()).empty()))
      out.push_back("string");
    if (any({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})) out.push_back("number");
    return out;
  }

  std::uint32_t typed(const std::string& type, const json& s, const std::string& path) {
    if (type == "object") return object(s, path);
    if (type == "array") return array(s, path);
    if (type == "string") return string(s, path);
    if (type == "integer" || type == "number") return out_.add(number(type == "integer", s, path));
    if (type == "boolean") return literals({"true", "false"});
    if (type == "null") return literals({"null"});
    return out_.add();
  }

  std::uint32_t choice(const std::vector<std::uint32_t>& rules) {
    if (rules.size() == 1) return rules[0];
    const auto start = out_.add();
    for (const auto r : rules) out_.skip(start, r);
    return start;
  }
  std::uint32_t literals(const std::vector<std::string>& texts) { return out_.add(any_of(texts)); }

  std::uint32_t anything() {
    if (anything_ == nowhere) {
      anything_ = out_.add();
      object_of({}, {}, anything_, 0, endless, anything_);
      array_of({}, anything_, 0, endless, anything_);
      const auto words = literals({"true", "false", "null"}), numbers = out_.add(any_number());
      for (const auto rule : {string_start, words, numbers}) out_.skip(anything_, rule);
    }
    return anything_;
  }

  // --- enum, const ---

  std::uint32_t listed(const json& s, const std::string& path) {
    const char* key = s.contains("enum") ? "enum" : "const";
    if (s.contains("enum") && !s["enum"].is_array()) fail(below(path, key), shown(s["enum"]), "an array of values");
    json values = s.contains("enum") ? s["enum"] : json::array({s["const"]});
    if (s.contains("enum") && s.contains("const")) std::erase_if(values.get_ref<json::array_t&>(), [&](const json& v) { return v != s["const"]; });
    const bool typed = s.contains("type"), more = constrains_beside(s, {"enum", "const", "type"});
    const auto types = typed ? types_of(s, path) : std::vector<std::string>{};
    std::vector<std::string> texts;
    std::vector<std::uint32_t> rules;
    for (const auto& v : values) {
      if (typed && std::none_of(types.begin(), types.end(), [&](const std::string& t) { return is(v, t); })) continue;
      if (v.is_structured()) {
        if (more) fail(path, std::string("\"") + key + "\" of objects or arrays beside other constraints", "it alone");
        rules.push_back(constant(v, path));
      } else if (!more || scalar_satisfies(v, s, path)) {
        texts.push_back(v.dump());
      }
    }
    if (!texts.empty()) rules.push_back(literals(texts));
    if (rules.size() > max_choices) fail(below(path, key), std::to_string(rules.size()) + " objects and arrays", "at most " + std::to_string(max_choices));
    const auto rule = rules.empty() ? out_.add() : choice(rules);
    out_.name(rule, below(path, key));
    return rule;
  }
  static bool is(const json& v, const std::string& type) {
    if (type == "object") return v.is_object();
    if (type == "array") return v.is_array();
    if (type == "string") return v.is_string();
    if (type == "boolean") return v.is_boolean();
    if (type == "null") return v.is_null();
    if (!v.is_number()) return false;
    const auto d = type == "integer" ? decimal_of(v.dump()) : std::nullopt;
    return type == "number" || (type == "integer" && d && d->fraction.empty());
  }
  std::uint32_t constant(const json& v, const std::string& path) {
    if (v.is_array()) {
      std::vector<std::uint32_t> parts;
      for (const auto& part : v) parts.push_back(part.is_structured() ? constant(part, path) : literals({part.dump()}));
      const auto n = static_cast<std::uint32_t>(parts.size());
      return array_of(parts, out_.add(), n, n);
    }
    if (!v.is_object()) return literals({v.dump()});
    std::vector<member> members;
    for (const auto& [key, part] : v.items()) members.push_back({key, constant(part, path), true});
    return object_of(members, {}, nowhere, 0, endless);
  }
  bool scalar_satisfies(const json& v, const json& s, const std::string& path) {
    const auto text = v.dump();
    const auto accepts = [&](const byte_dfa& dfa) {
      std::uint32_t at = 0;
      for (const char c : text) {
        const auto byte = static_cast<std::uint8_t>(c);
        const auto& row = dfa.rows[at];
        const auto r = std::find_if(row.begin(), row.end(), [byte](const auto& x) { return x.first <= byte && byte <= x.last; });
        if (r == row.end()) return false;
        at = r->to;
      }
      return static_cast<bool>(dfa.accepts[at]);
    };
    if (v.is_number()) {
      // 1e3 is written as it stands, and compared as what it is.
      const auto d = decimal_of(text);
      if (!d) fail(path, shown(v), "a number of at most 400 digits");
      std::string plain = d->negative ? "-" : "";
      plain += d->whole;
      if (!d->fraction.empty()) plain.append(".").append(d->fraction);
      const json rest = without_enum(s);
      const auto dfa = number(false, rest, path);
      std::uint32_t at = 0;
      for (const char c : plain) {
        const auto byte = static_cast<std::uint8_t>(c);
        const auto r = std::find_if(dfa.rows[at].begin(), dfa.rows[at].end(), [byte](const auto& x) { return x.first <= byte && byte <= x.last; });
        if (r == dfa.rows[at].end()) return false;
        at = r->to;
      }
      return dfa.accepts[at];
    }
    if (!v.is_string()) return true;
    const auto& bytes = v.get_ref<const std::string&>();
    const auto length = std::count_if(bytes.begin(), bytes.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
    if (static_cast<std::uint64_t>(length) < count(s, "minLength", 0, path) || static_cast<std::uint64_t>(length) > count(s, "maxLength", endless, path)) return false;
    const auto dfa = patterns(s, path);
    return !dfa || accepts(*dfa);
  }
  static json without_enum(const json& s) {
    json out = s;
    out.erase("enum");
    out.erase("const");
    return out;
  }

  // --- strings and numbers ---

  // A count of a keyword; those past 32 bits are as good as none.
  static std::uint32_t count(const json& s, const char* key, std::uint32_t otherwise, const std::string& path) {
    const auto found = s.find(key);
    if (found == s.end()) return otherwise;
    const auto d = found->is_number() ? decimal_of(found->dump()) : std::nullopt;
    if (!d || d->negative || !d->fraction.empty()) fail(below(path, key), shown(*found), "an integer, 0 or more");
    if (d->whole.size() > 9) return max_count;
    return static_cast<std::uint32_t>(std::stoul(d->whole));
  }

  std::optional<byte_dfa> patterns(const json& s, const std::string& path) {
    std::optional<byte_dfa> out;
    const auto take = [&](std::string_view pattern, const std::string& where) {
      try {
        auto dfa = strings_with(pattern);
        if (!out) out = std::move(dfa);
        else if (auto narrower = intersection(*out, dfa)) out = std::move(*narrower);
        else throw regex_error("found patterns and lengths whose automaton has more than " + std::to_string(max_dfa_states) + " states, expected fewer");
      } catch (const regex_error& e) {
        throw schema_error("at " + where + ": " + e.what());
      }
    };
    if (const auto p = s.find("pattern"); p != s.end()) {
      if (!p->is_string()) fail(below(path, "pattern"), shown(*p), "a regular expression");
      take(p->get_ref<const std::string&>(), below(path, "pattern"));
    }
    if (const auto f = s.find("format"); f != s.end()) {
      if (!f->is_string()) fail(below(path, "format"), shown(*f), "a name");
      if (const auto p = pattern_of_format(f->get_ref<const std::string&>()); !p.empty()) take(p, below(path, "format"));
    }
    return out;
  }

  std::uint32_t string(const json& s, const std::string& path) {
    const auto least = count(s, "minLength", 0, path), most = count(s, "maxLength", endless, path);
    auto dfa = patterns(s, path);
    const auto start = out_.add();
    if (least > most) return start;
    if (!dfa) {
      out_.enter(start, {string_start, end_, least, most});
      return start;
    }
    if (least > 0 || most != endless) {
      const auto bounds = "^[^]{" + std::to_string(least) + "," + (most == endless ? "" : std::to_string(most)) + "}$";
      try {
        const auto both = intersection(*dfa, strings_with(bounds));
        if (!both) throw regex_error("");
        dfa = *both;
      } catch (const regex_error&) {
        fail(path, "\"pattern\" or \"format\" beside a length, which together need more than " + std::to_string(max_dfa_states) + " states", "a smaller length, or the length in the pattern");
      }
    }
    return out_.add(*dfa);
  }

  byte_dfa number(bool integer, const json& s, const std::string& path) {
    auto out = integer ? any_integer() : any_number();
    bool bounded = integer;
    const auto narrow = [&](const byte_dfa& by, const char* key) {
      if (!bounded) out = number_without_exponent();
      bounded = true;
      auto narrower = intersection(out, by);
      if (!narrower) fail(below(path, key), "a number whose automaton has more than " + std::to_string(max_dfa_states) + " states", "a smaller one");
      out = std::move(*narrower);
    };
    const auto bound = [&](const char* key) {
      const auto found = s.find(key);
      if (found == s.end()) return std::optional<decimal>();
      const auto d = found->is_number() ? decimal_of(found->dump()) : std::nullopt;
      if (!d) fail(below(path, key), shown(*found), "a number of at most 400 digits");
      return d;
    };
    if (const auto d = bound("minimum")) narrow(at_least(*d, false), "minimum");
    if (const auto d = bound("exclusiveMinimum")) narrow(at_least(*d, true), "exclusiveMinimum");
    if (const auto d = bound("maximum")) narrow(at_most(*d, false), "maximum");
    if (const auto d = bound("exclusiveMaximum")) narrow(at_most(*d, true), "exclusiveMaximum");
    if (const auto d = bound("multipleOf")) {
      if (d->negative || d->zero()) fail(below(path, "multipleOf"), shown(s["multipleOf"]), "a number greater than 0");
      const auto dfa = multiples(*d);
      if (!dfa) fail(below(path, "multipleOf"), shown(s["multipleOf"]) + ", which needs too many states", "a number of few digits, as 5 or 0.01");
      narrow(*dfa, "multipleOf");
    }
    return out;
  }

  // --- objects and arrays ---

  struct member {
    std::string key;
    std::uint32_t value;
    bool required;
  };

  std::uint32_t object(const json& s, const std::string& path) {
    std::vector<member> members;
    std::map<std::string, std::size_t> index;
    const auto properties = s.find("properties");
    if (properties != s.end()) {
      const auto where = below(path, "properties");
      if (!properties->is_object()) fail(where, shown(*properties), "an object of schemas");
      for (const auto& [key, schema] : properties->items()) {
        index[key] = members.size();
        members.push_back({key, value(schema, below(where, key)), false});
      }
    }
    const auto more = s.find("additionalProperties");
    std::uint32_t others = nowhere;
    if (more != s.end()) {
      if (*more != false) others = value(*more, below(path, "additionalProperties"));
    } else if (properties == s.end()) {
      others = anything();
    }
    if (const auto required = s.find("required"); required != s.end()) {
      const auto where = below(path, "required");
      if (!required->is_array()) fail(where, shown(*required), "an array of names");
      for (const auto& name : *required) {
        if (!name.is_string()) fail(where, shown(name), "a name");
        const auto [found, fresh] = index.try_emplace(name.get<std::string>(), members.size());
        if (fresh) {
          if (more != s.end() && *more == false) fail(where, shown(name) + ", which \"additionalProperties\" forbids", "names of \"properties\"");
          members.push_back({name.get<std::string>(), more == s.end() ? anything() : others, true});
        }
        members[found->second].required = true;
      }
    }
    const auto n_required = static_cast<std::uint32_t>(std::count_if(members.begin(), members.end(), [](const member& m) { return m.required; }));
    auto least = count(s, "minProperties", 0, path), most = count(s, "maxProperties", endless, path);
    if (least <= n_required) least = 0;
    if (others == nowhere && most >= members.size()) most = endless;
    if (!members.empty() && (least > 1 || most != endless))
      fail(below(path, least > 1 ? "minProperties" : "maxProperties"), shown(s[least > 1 ? "minProperties" : "maxProperties"]) + " beside named properties, which is not enforced here",
           "a schema without it");
    if (least > most) return out_.add();
    std::vector<std::string> names;
    for (const auto& m : members) names.push_back(m.key);
    std::size_t run = 0;
    for (const auto& m : members)
      if ((run = m.required ? 0 : run + 1) > max_choices) fail(below(path, "properties"), "more than " + std::to_string(max_choices) + " properties in a row that may be left out", "fewer");
    return object_of(members, names, others, least, most);
  }

  // `others` is the rule of further members' values, or nowhere. With named members, `most` is endless and `least` at most 1.
  std::uint32_t object_of(const std::vector<member>& members, const std::vector<std::string>& names, std::uint32_t others, std::uint32_t least, std::uint32_t most,
                          std::uint32_t start = nowhere) {
    if (start == nowhere) start = out_.add();
    const auto open = out_.add(), inside = out_.add(), first = out_.add(), close = out_.add(), n = static_cast<std::uint32_t>(members.size());
    out_.enter(start, {open, end_, least > 0 ? least - 1 : 0, most == endless ? endless : most > 0 ? most - 1 : 0});
    out_.read(open, '{', '{', inside, counting::none, true);
    out_.enter(inside, {space_, first});
    out_.read(close, '}', '}', end_);
    // next[i]: member i or a later one begins; after[i]: one before i has ended
    std::vector<std::uint32_t> next, after;
    for (std::uint32_t i = 0; i <= n; ++i) next.push_back(out_.add()), after.push_back(out_.add());
    bool may_close = true;
    for (std::uint32_t i = n + 1; i-- > 0;) {
      if (i < n) {
        add_member(next[i], members[i], after[i + 1]);
        if (!members[i].required) out_.skip(next[i], next[i + 1]);
        may_close = may_close && !members[i].required;
      } else if (others != nowhere && most > 0) {
        const auto key = other_key(names), colon = out_.add();
        out_.enter(next[n], {key, colon});
        add_value(colon, others, after[n]);
      }
      if (i < n || others != nowhere) {
        const auto comma = out_.add();
        out_.read(after[i], ',', ',', comma, counting::one);
        out_.enter(comma, {space_, next[i]});
      }
      if (may_close) out_.enter(after[i], {space_, close, 0, endless, counting::enough});
    }
    out_.skip(first, next[0]);
    if (may_close && least == 0) out_.skip(first, close);
    return start;
  }
  void add_member(std::uint32_t from, const member& m, std::uint32_t then) { add_value(out_.read(from, json(m.key).dump()), m.value, then); }
  void add_value(std::uint32_t from, std::uint32_t value, std::uint32_t then) {
    const auto colon = out_.read(from, ":"), space = out_.read(colon, " ");
    out_.enter(colon, {value, then});
    out_.enter(space, {value, then});
  }
  // Keys that are none of `names`, each written in one way only, so that no escape makes a name out of another spelling.
  std::uint32_t other_key(const std::vector<std::string>& names) {
    if (names.empty()) return string_start;
    std::vector<std::string> texts;
    for (const auto& name : names) texts.push_back(json(name).dump());
    const auto keys = difference(strings_with(""), any_of(texts));
    if (!keys) fail("", "more names of properties than " + std::to_string(max_dfa_states) + " states can tell apart", "fewer");
    return out_.add(*keys);
  }

  std::uint32_t array(const json& s, const std::string& path) {
    std::vector<std::uint32_t> prefix;
    if (const auto found = s.find("prefixItems"); found != s.end()) {
      const auto where = below(path, "prefixItems");
      if (!found->is_array()) fail(where, shown(*found), "an array of schemas");
      for (std::size_t i = 0; i < found->size(); ++i) prefix.push_back(value((*found)[i], below(where, std::to_string(i))));
    }
    const auto items = s.find("items");
    if (items != s.end() && items->is_array()) fail(below(path, "items"), "an array", "a schema; a schema for each item is \"prefixItems\"");
    const auto item = items == s.end() ? anything() : value(*items, below(path, "items"));
    const auto least = count(s, "minItems", 0, path), most = count(s, "maxItems", endless, path);
    return least > most ? out_.add() : array_of(prefix, item, least, most);
  }

  std::uint32_t array_of(const std::vector<std::uint32_t>& prefix, std::uint32_t item, std::uint32_t least, std::uint32_t most, std::uint32_t start = nowhere) {
    if (start == nowhere) start = out_.add();
    const auto open = out_.add(), inside = out_.add(), first = out_.add(), close = out_.add();
    // The loop counts from the first item on that is not of the prefix.
    const auto uncounted = static_cast<std::uint32_t>(prefix.size()) + 1;
    out_.enter(start, {open, end_, least > uncounted ? least - uncounted : 0, most == endless ? endless : most > uncounted ? most - uncounted : 0});
    out_.read(open, '[', '[', inside, counting::none, true);
    out_.enter(inside, {space_, first});
    out_.read(close, ']', ']', end_);
    if (least == 0) out_.skip(first, close);
    auto at = first;
    for (std::uint32_t i = 0; i < uncounted && i < most; ++i) {
      const auto after = out_.add();
      out_.enter(at, {i < prefix.size() ? prefix[i] : item, after});
      const bool loop = i + 1 == uncounted;
      const auto comma = out_.add(), next = out_.add();
      if (loop || i + 1 < most) {
        out_.read(after, ',', ',', comma, loop ? counting::one : counting::none);
        out_.enter(comma, {space_, next});
        if (loop) out_.enter(next, {item, after});
      }
      if (loop || i + 1 >= least) out_.enter(after, {space_, close, 0, endless, loop ? counting::enough : counting::none});
      at = next;
    }
    return start;
  }

  const json& root_;
  merger merge_;
  automaton_builder out_;
  std::uint32_t end_ = 0, space_ = 0, anything_ = nowhere;
  int depth_ = 0;
  std::map<const json*, std::uint32_t> references_;
  std::map<std::string, std::uint32_t> merged_;
};

} // namespace

std::shared_ptr<const grammar> compile(std::string_view schema_json) {
  const json root = read_schema(schema_json);
  return std::make_shared<const grammar>(std::make_unique<const automaton>(compiler(root).whole()));
}

grammar::grammar(std::unique_ptr<const automaton> rules) : rules_(std::move(rules)), masks_(std::make_unique<mask_cache>(8u << 20)) {}
grammar::~grammar() = default;

} // namespace tokamak::json_schema
