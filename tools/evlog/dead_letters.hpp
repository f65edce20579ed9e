// What evlog dead-letters does. Each function returns an exit code and throws evbus::error for the others.
#pragma once

#include "tools/cli/terminal.hpp"
#include "tools/evlog/dead_letters_choice.hpp"
#include "tools/evlog/dead_letters_place.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace evlog {

/// One line a letter, of one worker after the other. What is wrong with one worker's letters keeps nobody from
/// the others': it is told, and ends with 4 or 2.
int list_letters(const letter_place& place, const std::vector<std::string>& workers, const letter_choice& choice, bool json, cli::output& out);

enum class payload_form : std::uint8_t {
    text, ///< made printable; as a hex dump where it is no UTF-8
    hex,
    raw,  ///< its bytes, and nothing else at all
    json, ///< the letter and its event as one line
};
int show_letters(const letter_place& place, const std::string& worker, const letter_choice& choice, payload_form form, cli::output& out);

/// Back to their worker: waiting, due at once, no try made yet.
int requeue_letters(const letter_place& place, const std::string& worker, const letter_choice& choice);
/// For good. Asks on a terminal, unless `sure`; elsewhere refuses.
int drop_letters(const letter_place& place, const std::string& worker, const letter_choice& choice, bool sure);

enum class recorded_as : std::uint8_t { written, durable };
/// On the bus again, each closed here only when the recorder has it.
int publish_letters(const letter_place& place, const std::string& worker, const letter_choice& choice, recorded_as wait);

// What list and show share.
[[nodiscard]] std::string state_text(const evbus::letters::story& s);
/// A JSON object's members about a letter, without braces: "worker":...,"error":...
void append_story_json(std::string& out, const std::string& worker, const evbus::letters::story& s);
/// Says of each of `refused` what is wrong with it.
void say_refused(const std::string& worker, const std::vector<std::string>& refused);

} // namespace evlog
