// Calling a handler, whatever it takes and returns, and whatever it throws.
#pragma once

#include <evbus/event.hpp>
#include <evbus/event_batch.hpp>
#include <evbus/outcome.hpp>

#include <exception>
#include <string>
#include <type_traits>

namespace evbus {
inline namespace v1 {
namespace work {

/// What a handler takes. Asked in this order, so that a generic handler is one of single events.
template <class Handler>
inline constexpr bool takes_attempt = std::is_invocable_v<Handler&, const event&, const attempt&>;

template <class Handler>
[[nodiscard]] constexpr bool takes_event() noexcept {
    if constexpr (takes_attempt<Handler>) return true;
    else return std::is_invocable_v<Handler&, const event&>;
}
template <class Handler>
[[nodiscard]] constexpr bool takes_batch() noexcept {
    if constexpr (takes_event<Handler>()) return false;
    else return std::is_invocable_v<Handler&, event_batch&>;
}

template <class Handler>
decltype(auto) give(Handler& handler, const event& e, const attempt& a) {
    if constexpr (takes_attempt<Handler>) return handler(e, a);
    else return handler(e);
}

/// What came of one call.
struct reply {
    outcome::kind what = outcome::kind::next;
    std::string text{}; ///< unless it is next: never empty
};

[[nodiscard]] inline outcome::kind meaning_of(thrown t) noexcept {
    return t == thrown::retries ? outcome::kind::retry : t == thrown::dies ? outcome::kind::dead : outcome::kind::rollback;
}

/// Calls, and says in words what was thrown. `say.text` is touched for failures alone.
template <class Call>
outcome::kind ask(Call&& call, thrown on_throw, reply& say) {
    using result = std::invoke_result_t<Call&>;
    static_assert(std::is_void_v<result> || std::is_convertible_v<result, outcome>, "a handler returns nothing, evbus::outcome, or one of next, retry, dead, stop, rollback");
    const auto failed = [&](outcome::kind what, std::string text, const char* without) {
        say.text = text.empty() ? without : std::move(text);
        return say.what = what;
    };
    try {
        if constexpr (std::is_void_v<result>) {
            call();
            return outcome::kind::next;
        } else if constexpr (std::is_same_v<std::remove_cvref_t<result>, answer>) {
            const outcome::kind what = call().what();
            return what == outcome::kind::next ? what : failed(what, {}, "the handler gave no reason");
        } else {
            const outcome said = call();
            return said.what() == outcome::kind::next ? said.what() : failed(said.what(), said.text(), "the handler gave no reason");
        }
    } catch (const std::exception& e) {
        return failed(meaning_of(on_throw), e.what() == nullptr ? "" : e.what(), "the handler threw an exception without words");
    } catch (...) {
        return failed(meaning_of(on_throw), {}, "the handler threw something that is no std::exception");
    }
}

} // namespace work
} // namespace v1
} // namespace evbus
