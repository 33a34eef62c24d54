// Civil time from seconds, and the directives of strftime with GNU's flags - _ 0 ^ #.
#include "model/chat_template/time_text.hpp"

#include <algorithm>
#include <array>

#include "model/chat_template/text_builder.hpp"

namespace tokamak::jinja {
namespace {

constexpr std::array<std::string_view, 7> days = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                  "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> months = {"January",   "February", "March",    "April",
                                                     "May",       "June",     "July",     "August",
                                                     "September", "October",  "November", "December"};

struct civil_time {
  std::int64_t year;
  int month, day, hour, minute, second; ///< month and day from 1
  int week_day;                         ///< 0 = Sunday
  int year_day;                         ///< 0 = 1 January
};

bool is_leap(std::int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

/// Days since 1970 to a date of the proleptic Gregorian calendar: years begin in March, so that the
/// leap day is the last, and 400 years (an era) have 146097 days.
civil_time civil(std::int64_t unix_s) {
  const auto floor_divide = [](std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); };
  const std::int64_t day_number = floor_divide(unix_s, 86400);
  const auto second_of_day = static_cast<int>(unix_s - day_number * 86400);
  const std::int64_t shifted = day_number + 719468; // days since 0000-03-01
  const std::int64_t era = floor_divide(shifted, 146097);
  const std::int64_t day_of_era = shifted - era * 146097;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t month_from_march = (5 * day_of_year + 2) / 153;
  civil_time t{};
  t.day = static_cast<int>(day_of_year - (153 * month_from_march + 2) / 5) + 1;
  t.month = static_cast<int>(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
  t.year = year_of_era + era * 400 + (t.month <= 2 ? 1 : 0);
  t.hour = second_of_day / 3600;
  t.minute = second_of_day / 60 % 60;
  t.second = second_of_day % 60;
  t.week_day = static_cast<int>(((day_number % 7) + 11) % 7); // 1970-01-01 was a Thursday
  constexpr std::array<int, 12> before = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  t.year_day = before[static_cast<std::size_t>(t.month - 1)] + t.day - 1 + (t.month > 2 && is_leap(t.year) ? 1 : 0);
  return t;
}

class time_formatter {
 public:
  time_formatter(budget& costs, std::int64_t unix_s) : t_(civil(unix_s)), unix_s_(unix_s), out_(costs) {}

  void run(std::string_view format) {
    for (std::size_t i = 0; i < format.size(); ++i) {
      if (format[i] != '%') {
        out_.append(format[i]);
        continue;
      }
      const auto begin = i++;
      char flag = 0;
      while (i < format.size() && std::string_view("-_0^#").find(format[i]) != std::string_view::npos)
        flag = format[i++];
      if (i >= format.size() || !directive(format[i], flag)) {
        out_.append(format.substr(begin, std::min(i, format.size() - 1) - begin + 1));
      }
    }
  }
  std::string take() { return out_.take(); }

 private:
  void number(std::int64_t n, int width, char flag, char pad = '0') {
    if (flag == '-') width = 0;
    if (flag == '_') pad = ' ';
    if (flag == '0') pad = '0';
    const auto digits = std::to_string(n);
    out_.repeat(std::string_view(&pad, 1), width - static_cast<int>(digits.size()));
    out_.append(digits);
  }

  void words(std::string_view text, char flag) {
    out_.append(flag == '^' || flag == '#' ? change_case(text, letter_case::upper) : std::string(text));
  }

  std::string_view day_name() const { return days[static_cast<std::size_t>(t_.week_day)]; }
  std::string_view month_name() const { return months[static_cast<std::size_t>(t_.month - 1)]; }
  int hour12() const { return t_.hour % 12 == 0 ? 12 : t_.hour % 12; }

  /// ISO 8601: the week belongs to the year that has its Thursday.
  std::pair<std::int64_t, int> iso_week() const {
    const int week_day = t_.week_day == 0 ? 7 : t_.week_day;
    const int week = (t_.year_day + 1 - week_day + 10) / 7;
    const auto weeks_in = [&](std::int64_t year) {
      const auto first_thursday_shift = [](std::int64_t y) { return (y + y / 4 - y / 100 + y / 400) % 7; };
      return first_thursday_shift(year) == 4 || first_thursday_shift(year - 1) == 3 ? 53 : 52;
    };
    if (week < 1) return {t_.year - 1, weeks_in(t_.year - 1)};
    if (week > weeks_in(t_.year)) return {t_.year + 1, 1};
    return {t_.year, week};
  }

  bool directive(char c, char flag) {
    switch (c) {
      case 'a': words(day_name().substr(0, 3), flag); break;
      case 'A': words(day_name(), flag); break;
      case 'b':
      case 'h': words(month_name().substr(0, 3), flag); break;
      case 'B': words(month_name(), flag); break;
      case 'p': out_.append(flag == '#' ? (t_.hour < 12 ? "am" : "pm") : (t_.hour < 12 ? "AM" : "PM")); break;
      case 'P': out_.append(t_.hour < 12 ? "am" : "pm"); break;
      case 'c': run("%a %b %e %H:%M:%S %Y"); break;
      case 'D':
      case 'x': run("%m/%d/%y"); break;
      case 'F': run("%Y-%m-%d"); break;
      case 'R': run("%H:%M"); break;
      case 'r': run("%I:%M:%S %p"); break;
      case 'T':
      case 'X': run("%H:%M:%S"); break;
      case 'n': out_.append('\n'); break;
      case 't': out_.append('\t'); break;
      case '%': out_.append('%'); break;
      case 'z':
      case 'Z': break; // the time has no zone
      default: return numeric(c, flag);
    }
    return true;
  }

  bool numeric(char c, char flag) {
    switch (c) {
      case 'd': number(t_.day, 2, flag); break;
      case 'e': number(t_.day, 2, flag, ' '); break;
      case 'm': number(t_.month, 2, flag); break;
      case 'y': number(t_.year % 100, 2, flag); break;
      case 'Y': number(t_.year, 0, flag); break;
      case 'C': number(t_.year / 100, 2, flag); break;
      case 'H': number(t_.hour, 2, flag); break;
      case 'k': number(t_.hour, 2, flag, ' '); break;
      case 'I': number(hour12(), 2, flag); break;
      case 'l': number(hour12(), 2, flag, ' '); break;
      case 'M': number(t_.minute, 2, flag); break;
      case 'S': number(t_.second, 2, flag); break;
      case 'f': out_.append("000000"); break;
      case 'j': number(t_.year_day + 1, 3, flag); break;
      case 'w': number(t_.week_day, 1, flag); break;
      case 'u': number(t_.week_day == 0 ? 7 : t_.week_day, 1, flag); break;
      case 'U': number((t_.year_day + 7 - t_.week_day) / 7, 2, flag); break;
      case 'W': number((t_.year_day + 7 - (t_.week_day + 6) % 7) / 7, 2, flag); break;
      case 'V': number(iso_week().second, 2, flag); break;
      case 'G': number(iso_week().first, 0, flag); break;
      case 'g': number(iso_week().first % 100, 2, flag); break;
      case 's': number(unix_s_, 0, flag); break;
      default: return false;
    }
    return true;
  }

  civil_time t_;
  std::int64_t unix_s_;
  text_builder out_;
};

} // namespace

std::string format_time(budget& costs, std::string_view format, std::int64_t unix_s) {
  constexpr std::int64_t ten_thousand_years = 253402300800;
  costs.text_work(format.size() * 2);
  time_formatter out(costs, std::clamp(unix_s, -ten_thousand_years, ten_thousand_years));
  out.run(format);
  return out.take();
}

} // namespace tokamak::jinja
