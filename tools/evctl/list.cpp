#include "tools/cli/exit_codes.hpp"
#include "tools/cli/table.hpp"
#include "tools/evctl/commands.hpp"
#include "tools/evctl/json.hpp"

#include <evbus/error.hpp>

namespace evctl {
namespace {

std::vector<listed_bus> look_at_all() {
    std::vector<listed_bus> all;
    for (const std::string& name : bus_names()) {
        listed_bus b{name, ring_owner(name), std::nullopt, {}, {}};
        try {
            b.view = look_at(name);
        } catch (const evbus::error& e) {
            // Removed since its name was read: it is not in the list.
            if (e.kind() == evbus::errc::not_found && b.owner == "?") continue;
            b.error_word = e.code().message();
            b.error_text = e.what();
        }
        all.push_back(std::move(b));
    }
    return all;
}

} // namespace

int list(const show_options& how, cli::output& out) {
    const std::vector<listed_bus> all = look_at_all();
    if (how.json) {
        out.buffer() += list_json(all);
    } else if (!all.empty()) {
        using cli::align;
        cli::table t({{"BUS"}, {"SLOTS", align::right}, {"BYTES", align::right}, {"PACING"}, {"HEAD", align::right}, {"RECORDER"},
                      {"MEMBERS", align::right}, {"OWNER"}});
        for (const listed_bus& b : all) {
            if (b.view)
                t.add({b.name, std::to_string(b.view->slots), std::to_string(b.view->slot_bytes), evbus::to_string(b.view->pacing),
                       std::to_string(b.view->head), b.view->closed ? "closed" : recorder_text(*b.view),
                       std::to_string(b.view->living()), b.owner});
            else
                t.add({b.name, "-", "-", "-", "-", b.error_word, "-", b.owner});
        }
        t.append_to(out.buffer(), how.colour);
    }
    out.flush();
    if (!all.empty()) return cli::exit_fine;
    cli::say("evctl", "there is no bus; evctl create, evpub and evrecord make one");
    return cli::exit_nothing_matched;
}

} // namespace evctl
