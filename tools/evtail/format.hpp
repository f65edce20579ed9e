// How events look on evtail's output. Every mode appends whole lines to a string, save raw and
// templates, which add exactly what they were told to.
#pragma once

#include "tools/cli/when.hpp"
#include "tools/evtail/template.hpp"

#include <evbus/event.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace evtail {

enum class output_mode : std::uint8_t {
    short_,  ///< time of day, seq, topic, payload as printable text
    iso,     ///< the same with the whole time
    delta,   ///< the same with the time since the event shown before
    verbose, ///< everything, a line each
    json,    ///< one object a line
    hex,     ///< a line as in iso, then the payload as a hex dump
    raw,     ///< the payload's bytes and nothing else
    cat,     ///< the payload's bytes and a line feed
};

/// The words of -o, for the flag's declaration.
[[nodiscard]] const std::vector<std::pair<std::string, output_mode>>& output_modes();

struct format_options {
    output_mode mode = output_mode::short_;
    std::optional<std::string> template_text{}; ///< -F; wins over mode
    cli::zone zone = cli::zone::local;
    bool colour = false;
};

/// Used by one thread; keeps the time of the event before for `delta`.
class formatter {
public:
    /// Throws evbus::error (errc::bad_option) for a template that is malformed.
    explicit formatter(const format_options& options);

    /// `publisher_name` may be empty: then its number and incarnation stand for it ("5.1").
    void event(const evbus::event& e, std::string_view publisher_name, std::string& out);
    /// What cannot be had, in its place. Nothing in raw, cat and templates: their bytes are payload,
    /// and evtail tells of the gap on stderr.
    void gap(const evbus::gap& g, std::string& out) const;

private:
    void line(const evbus::event& e, std::string& out);
    void verbose(const evbus::event& e, std::string_view publisher, std::string& out) const;
    void json(const evbus::event& e, std::string_view publisher, std::string& out) const;
    void from_template(const evbus::event& e, std::string_view publisher, std::string& out) const;
    void piece(char letter, const evbus::event& e, std::string_view publisher, std::string& out) const;
    void when(std::int64_t published_ns, std::string& out);
    void coloured(std::string_view code, std::string_view text, std::string& out) const;

    output_mode mode_;
    cli::zone zone_;
    bool colour_;
    std::optional<std::vector<template_piece>> template_;
    std::int64_t before_ns_ = 0; ///< of the last stamped event; 0 = none yet
};

} // namespace evtail
