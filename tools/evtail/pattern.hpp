// -g: a regular expression on payloads. RE2, because its time grows with the payload and never worse,
// whatever the expression: std::regex takes microseconds for a byte and runs out of stack on long lines.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace evtail {

class pattern {
public:
    /// Throws evbus::error (errc::bad_option) that names what is wrong with it.
    explicit pattern(const std::string& text);
    ~pattern();
    pattern(const pattern&) = delete;

    /// Is there a match anywhere in it? Bytes that are no UTF-8 match nothing but \C.
    [[nodiscard]] bool is_in(std::string_view payload) const;

private:
    struct compiled;
    std::unique_ptr<compiled> re_;
};

} // namespace evtail
