// Regular expressions given on a command line. RE2, because its time grows with the text and never worse,
// whatever the expression: std::regex takes microseconds for a byte and runs out of stack on long lines.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace cli {

class pattern {
public:
    /// `flag` is where it was given ("--grep"). Throws evbus::error (errc::bad_option) that names what is wrong
    /// with it.
    pattern(const std::string& flag, const std::string& text);
    ~pattern();
    pattern(const pattern&) = delete;

    /// Is there a match anywhere in it? Bytes that are no UTF-8 match nothing but \C.
    [[nodiscard]] bool is_in(std::string_view text) const;

private:
    struct compiled;
    std::unique_ptr<compiled> re_;
};

} // namespace cli
