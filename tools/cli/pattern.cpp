#include "tools/cli/pattern.hpp"

#include <evbus/error.hpp>

#include <re2/re2.h>

namespace cli {

struct pattern::compiled {
    compiled(const std::string& text, const re2::RE2::Options& how) : re(text, how) {}
    re2::RE2 re;
};

pattern::pattern(const std::string& flag, const std::string& text) {
    re2::RE2::Options how;
    how.set_log_errors(false);
    re_ = std::make_unique<compiled>(text, how);
    if (!re_->re.ok())
        throw evbus::error(evbus::errc::bad_option, {"", flag + " '" + text + "'", re_->re.error(), "escape what is meant as it stands with \\"});
}

pattern::~pattern() = default;

bool pattern::is_in(std::string_view text) const {
    return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), re_->re);
}

} // namespace cli
