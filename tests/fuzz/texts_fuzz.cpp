// The log's texts: manifests of runs, the list of ring creations, the lock's words, and names of files.
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/small_log.hpp"

#include "tests/fuzz/target.hpp"

#include "lib/recorder/manifest.hpp"

#include <evbus/error.hpp>
#include <evbus/log/epochs.hpp>
#include <evbus/log/log_lock.hpp>
#include <evbus/log/seq_floor.hpp>

using namespace fuzz;
using namespace evbus;

namespace {

enum kind : std::uint8_t { manifest, epochs, lock, name, kind_count };

void meet_manifests(memory_files& files, const std::string& content) {
    files[log_place.runs() + "/0000000000000001.json"] = content;
    recorder::loaded_manifests all = recorder::load_manifests(files, log_place);
    require(all.runs.size() + all.unreadable.size() == 1, "a manifest is read or named");
    const std::optional<seq_t> durable = recorder::known_durable(all);
    require(!durable || !all.runs.empty(), "nothing is known of no run");
    for (const recorder::manifest& m : all.runs) {
        const std::optional<recorder::manifest> again = recorder::parse_manifest(recorder::to_json(m));
        require(again && recorder::to_json(*again) == recorder::to_json(m), "what is written is read");
    }
    (void)recorder::mark_crashed(files, log_place, all, 7);
}

void meet_epochs(memory_files& files, const std::string& content) {
    files[log_place.epochs()] = content;
    const std::size_t before = elog::read_epochs(files, log_place).size();
    require(before <= content.size(), "a line an epoch");
    elog::append_epoch(files, log_place, {epoch_t{9}, 5, 6, "boot", log_bus, "bus"});
    const std::vector<elog::epoch_record> after = elog::read_epochs(files, log_place);
    require(after.size() == before + 1 || (!content.ends_with('\n') && after.size() == before + 1), "a line more is an epoch more");
    require(after.back().epoch == epoch_t{9} && after.back().first_seq == 5 && after.back().name == "bus", "and says what it said");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    input in(data, size);
    memory_files files;
    const std::uint8_t which = in.byte() % kind_count;
    const std::span<const std::uint8_t> rest = in.all();
    const std::string content(rest.begin(), rest.end());
    try {
        if (which == manifest) meet_manifests(files, content);
        if (which == epochs) meet_epochs(files, content);
        if (which == lock) {
            files[log_place.lock()] = content;
            require(!elog::log_lock::holder(files, log_place.root).empty(), "somebody holds it");
        }
        if (which == name && content.find('/') == std::string::npos) {
            files[log_place.segments() + "/" + content] = next_segment();
            files[log_place.quarantine() + "/" + content] = "";
            files[log_place.cursors() + "/" + content] = "";
        }
        const elog::known_seqs known = elog::seq_floor(files, log_place.root);
        require(known.next >= 1, "there is a seq to go on with");
    } catch (const error&) {
        // Refused by name.
    }
    return 0;
}

std::vector<fuzz::bytes> fuzz::seeds() {
    recorder::manifest m;
    m.run = 1;
    m.parent = 7;
    m.bus = "md";
    m.id = log_bus;
    m.config = {{"sync", "none"}, {"a \"b\"", "\xc3\xa4"}};
    m.version = "0.1.0";
    m.first_seq = 1;
    m.last_seq = 99;
    m.durable_seq = 50;
    const std::string json = recorder::to_json(m);
    const auto one = [](unsigned which, std::string_view content) {
        return writer().byte(which).append({reinterpret_cast<const std::uint8_t*>(content.data()), content.size()}).done();
    };
    m.status = recorder::run_status::quarantined;
    m.reason = "a sync failed";
    return {one(manifest, json),
            one(manifest, recorder::to_json(m)),
            one(manifest, "{}"),
            one(manifest, "[[[[[[[["),
            one(manifest, json.substr(0, json.size() / 2)),
            one(epochs, "0000000000000001 1 1000 boot 1111222233334444-5555666677778888 md\n0000000000000001 9 2000 boot - -\n"),
            one(epochs, to_string(epoch_t{1}) + " 1 1000 boot " + to_string(log_bus) + " md\n" + to_string(epoch_t{1}) + " 18446744073709551615 -1"),
            one(lock, "123 evrecord\n"),
            one(lock, "no number"),
            one(name, "00000000000000000001.evseg"),
            one(name, "18446744073709551615.evseg"),
            one(name, "00000000000000000001.128.00000000000000000009.torn"),
            one(name, "x.cursor")};
}
