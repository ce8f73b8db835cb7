"""What once went wrong, by a short name, and the tests that hold it; `python -m tests.reliability.findings` counts.

`FAULTS` is what an attack of all doors brought to light, `CASES` what people bring: the recordings, photos and ways to
type that such systems stumble over. Each test here fails on what the program did before.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FAR = "tests/reliability/"
DELETED, STRANGERS, ENDLESS = f"{FAR}test_nothing_is_deleted.py", f"{FAR}test_strangers.py", f"{FAR}test_endless.py"
PAGE, PROGRAMME = "tests/tasks/person/page/test_answers.py", "tests/tasks/person/page/test_programme.py"
UNPACK = "tests/tasks/handover/test_unpack.py"
MEDIA, VIDEO = "tests/utils/media/", "tests/data_gen/video/"

FAULTS: dict[str, tuple[str, ...]] = {
    # Data was lost.
    "pairs replace a folder of the user": (f"{DELETED}::test_pairs_never_replace_a_folder_of_the_users",
        f"{DELETED}::test_a_marker_of_somebody_else_proves_nothing"),
    "clean-up by a pattern takes what is called alike": (
        f"{DELETED}::test_shards_leave_alone_what_is_called_alike",
        f"{DELETED}::test_templates_leave_the_photos_alone"),
    "a refused video takes its folder along": (f"{DELETED}::test_a_video_that_is_refused_leaves_what_lay_in_its_folder",
        f"{DELETED}::test_a_video_that_is_stopped_leaves_what_lay_in_its_folder",
        f"{DELETED}::test_a_stage_never_takes_the_place_of_a_folder_of_the_users"),
    "a dataset made again drops what lay in it": (
        f"{DELETED}::test_a_dataset_made_again_keeps_what_was_put_beside_it",),
    "a film over its own sound": (f"{DELETED}::test_a_film_never_replaces_the_sound_that_it_is_made_of",),
    "a face over the photo it is made of": (f"{DELETED}::test_two_photos_of_one_name_give_two_faces",
        f"{DELETED}::test_faces_never_replace_their_photos"),
    "a stranger's export says where is written": (
        f"{DELETED}::test_a_strangers_export_does_not_decide_where_is_written",),
    "a model card over another text": (f"{DELETED}::test_a_model_card_never_replaces_another_text",),
    "a reset moves all runs": (f"{DELETED}::test_a_reset_never_moves_all_runs",
        f"{DELETED}::test_a_reset_of_a_folder_of_runs_is_refused",
        f"{DELETED}::test_a_reset_leaves_runs_inside_a_run_where_they_are"),
    "an output over a part of a dataset or a run": (
        f"{DELETED}::test_no_output_replaces_a_part_of_a_dataset_or_a_run",
        f"{DELETED}::test_a_folder_that_is_not_ours_is_written_into_as_ever"),
    # Wrong, and nothing was said.
    "a person unpacked from elsewhere: runs here, footage there": (
        f"{UNPACK}::test_runs_and_footage_lie_together_wherever_the_command_is_typed",),
    "a relative VIZEME_HOME counts twice": (
        "tests/utils/test_command.py::test_a_home_named_from_where_the_command_is_typed_stays_the_same",),
    "the page hears another track than was asked for": (
        f"{PROGRAMME}::test_the_track_that_was_asked_for_is_the_one_that_is_spoken",),
    "a login page kept as a weight": ("tests/utils/test_assets.py::test_the_page_of_a_hotel_is_no_weight",),
    "words in tags and names taken for a video's form": (
        f"{MEDIA}test_header.py::test_words_in_tags_are_not_taken_for_the_form",
        f"{MEDIA}test_header.py::test_names_are_not_taken_for_the_form"),
    "weights that are no numbers are imported": (f"{STRANGERS}::test_weights_that_are_no_numbers_are_not_imported",),
    "a flipped bit of an outside weight": ("tests/utils/test_assets.py::test_a_flipped_bit_is_found_in_every_weight",),
    "a folder behind a link is left out": ("tests/utils/files/test_tree.py::test_a_folder_behind_a_link_is_taken",
        f"{MEDIA}test_pictures.py::test_pictures_behind_a_link_are_found_under_the_name_of_the_link",
        "tests/data_gen/clips/test_plan.py::test_a_speaker_behind_a_link_is_taken"),
    # Small files that asked for all memory, disk or time.
    "pickles without end: keys, texts of refusals, names; our own checkpoints": (
        f"{ENDLESS}::test_what_small_files_ask_for_has_an_end",),
    "onnx: a number where a text belongs": (
        "tests/modules/onnx/test_format.py::test_a_number_where_a_text_belongs_takes_no_memory",),
    "onnx: a number without end": ("tests/modules/onnx/test_format.py::test_an_endless_number_does_not_hang",),
    "onnx: a decoder that is also something else": (
        "tests/tasks/exchange/sources/test_rbh24.py::test_a_decoder_that_is_also_something_else_is_not_computed",),
    "yaml: merge keys without end": (f"{STRANGERS}::test_a_config_beside_a_checkpoint_is_read_or_passed_over_at_once",),
    "a gap of hours in a sound's time stamps": (
        f"{MEDIA}test_sound_source.py::test_a_gap_in_time_stamps_takes_neither_memory_nor_disk",),
    "hours of silence in a small file": (
        f"{MEDIA}test_sound_source.py::test_hours_of_silence_in_a_small_file_are_refused_before_they_are_decoded",),
    "a compressed checkpoint": (f"{STRANGERS}::test_a_compressed_checkpoint_is_refused_before_it_is_unpacked",),
    "a download without end, or that unpacks to more": (
        "tests/utils/files/test_download.py::"
        "test_a_server_that_goes_on_breaks_off_or_points_elsewhere_leaves_nothing",
        "tests/utils/files/test_download.py::"
        "test_a_member_that_unpacks_to_more_than_a_weight_has_is_not_unpacked"),
    "validation begins beyond the end": (f"{STRANGERS}::test_validation_cannot_begin_beyond_the_end",),
    "a network as large as a stranger says": (
        "tests/tasks/core/test_loading.py::test_a_network_larger_than_its_weights_is_refused_before_it_takes_memory",),
    # Killed, starved.
    "an import killed in its own folder": (
        f"{FAR}test_killed_imports.py::test_a_kill_at_any_change_is_mended_by_the_same_command",),
    "no temporary folder": (
        "tests/utils/test_command.py::test_a_machine_without_a_temporary_folder_is_told_what_to_do",),
    "a named ffmpeg that is none": (f"{MEDIA}test_ffmpeg.py::test_a_program_that_is_none_is_told",),
    "the page on a full disk": (f"{PAGE}::test_what_the_machine_refuses_is_one_line_and_it_goes_on",),
    "the connection drops, a batch system ends a training": (
        f"{STRANGERS}::test_a_dropped_connection_and_a_batch_system_end_a_training_with_a_checkpoint",),
    "tensorboard's folder is gone": (
        "tests/tasks/core/test_saving.py::test_curves_whose_folder_is_gone_cost_no_checkpoint",),
    "WORLD_SIZE left behind": ("tests/utils/processes/test_world.py::"
        "test_a_size_left_behind_by_another_program_is_told_before_anything_is_made",),
    "a video that training cannot use is processed": (f"{VIDEO}test_cuts.py::"
        "test_a_video_that_training_could_not_use_is_refused_with_the_part_and_the_length_it_takes",
        f"{VIDEO}test_landmarks.py::test_what_is_left_once_gaps_are_left_out_must_be_enough_to_train_on"),
    "set-up: no pip, PIP_USER": ("tests/scripts/test_setup.py::test_an_environment_without_pip_is_mended",),
    "set-up: a dead python": ("tests/scripts/test_setup.py::test_a_stamp_beside_a_dead_python_proves_nothing",),
    # Let no one in.
    "other users of the machine see the page": (f"{PAGE}::test_who_does_not_know_the_key_is_shown_nothing",),
    "an idle player blocks the others": (f"{PAGE}::test_a_player_that_takes_nothing_gives_way_to_who_waits",),
    "uploads counted when whole": (f"{PROGRAMME}::test_uploads_are_counted_while_they_arrive",),
    "requests that are none": (f"{PAGE}::test_what_no_browser_says_has_one_answer",
        f"{PAGE}::test_who_hangs_up_in_the_middle_of_a_request_leaves_no_word"),
    "an idle server without handles burns": ("tests/tasks/person/page/test_server.py::"
        "test_a_machine_that_gives_no_more_handles_is_not_asked_without_end",),
    "uploads of a killed page stay": (
        "tests/utils/files/test_scratch.py::test_what_a_killed_process_left_goes_and_what_a_living_one_has_stays",),
    "control characters reach the terminal": (
        f"{STRANGERS}::test_control_characters_of_a_file_do_not_reach_the_terminal",
        f"{STRANGERS}::test_control_characters_of_a_name_do_not_reach_the_terminal"),
    "an export tells paths of this machine": (
        "tests/tasks/exchange/test_model_card.py::test_of_a_path_of_this_machine_the_last_name_is_left",),
    # Advice that leads nowhere.
    "a batch beside its sounds is refused the second time": (
        "tests/tasks/person/commands/test_films.py::"
        "test_films_that_lie_beside_their_sounds_are_not_taken_for_sounds",),
    "who was unpacked is told to process a video": (f"{UNPACK}::test_what_needs_the_footage_says_where_it_is",),
    # Tracebacks.
    "traceback: a moment beyond all videos": ("tests/tasks/person/test_dub.py::test_what_cannot_be_dubbed_is_told",
        "tests/utils/config/test_schema.py::"
        "test_what_is_no_finite_number_is_refused_wherever_a_number_is_wanted"),
    "traceback: a dataset that is wrong about its video": (
        "tests/tasks/person/test_dub.py::test_a_dataset_that_is_wrong_about_its_video_is_told",
        f"{VIDEO}framing/test_source.py::test_what_is_none_is_refused"),
    "traceback: footage of another form in a pack": (
        f"{UNPACK}::test_footage_of_another_form_is_refused_in_words_about_the_pack",
        f"{VIDEO}test_dataset.py::test_arrays_of_another_form_are_told_and_not_computed_with"),
    "traceback: a run in the place of another": (
        "tests/tasks/person/test_head.py::test_a_run_in_the_place_of_another_is_told_by_every_command",),
    "traceback: a sound that cannot be written": (
        f"{MEDIA}test_wav.py::test_a_sound_that_cannot_be_written_leaves_no_traceback_behind",),
    "traceback: what an export says of itself": (f"{STRANGERS}::test_what_an_export_says_of_itself_is_refused_in_words",
        f"{STRANGERS}::test_an_export_of_sizes_without_end_is_refused_in_words"),
    "traceback: a recipe beside a checkpoint": (
        f"{STRANGERS}::test_a_config_beside_a_checkpoint_is_read_or_passed_over_at_once",),
    "traceback: a flipped bit in a run's recipe": (
        f"{STRANGERS}::test_a_config_that_a_flipped_bit_spoiled_stops_nobody",),
    "traceback: a linked folder, and a pipe, to import": (
        f"{STRANGERS}::test_a_folder_with_a_linked_folder_and_a_pipe_is_imported",),
    "traceback: numbers that torch has not": (
        "tests/tasks/weights/test_keras_file.py::test_numbers_that_torch_has_not_and_names_without_end_are_refused",),
    "traceback: a shard that lies of a shape": (
        "tests/utils/files/test_array_file.py::test_a_header_that_lies_of_a_shape_is_refused",),
    "traceback: a video of a thousand to one": (
        f"{VIDEO}test_convert.py::test_a_video_thousands_of_times_as_wide_as_high_is_refused_in_words",),
    "traceback: NUL in the name of a run": (f"{STRANGERS}::test_a_name_of_a_run_with_nul_is_refused",),
    "traceback: a user without a home, or nobody's": (
        "tests/utils/test_command.py::test_what_the_user_can_mend_is_one_line_and_exit_code_2",
        "tests/utils/test_assets.py::test_a_home_of_nobody_is_told"),
    "traceback: python -P": ("tests/test_house.py::test_doors_open_without_pythonpath_and_from_anywhere",),
    "traceback: python -OO": ("tests/test_doors.py::test_doors_answer_without_docstrings",),
    "traceback: RANK set to nothing": ("tests/utils/processes/test_world.py::test_what_is_set_to_nothing_is_not_set",),
    "traceback: a torn metrics.csv": (
        "tests/tasks/core/test_history.py::test_another_kind_of_file_is_kept_under_another_name",),
    "traceback: a camera in the head": (
        "tests/modules/renderer/test_renderer.py::test_a_camera_in_the_head_is_no_error",),
    "traceback: a name that the machine's letters lack": (
        "tests/utils/test_command.py::test_what_the_user_can_mend_is_one_line_and_exit_code_2",),
    "a name of nearly 255 bytes": ("tests/utils/files/test_aside.py::test_a_name_as_long_as_names_may_be_is_written",),
    "a name over 255 bytes is told when all is done": (
        "tests/tasks/core/test_checkpoints.py::test_a_name_longer_than_names_may_be_is_told_at_once",
        "tests/utils/files/test_ownership.py::test_an_output_whose_name_is_too_long_is_told"),
}  # fmt: skip
"""Name -> tests."""

CASES: dict[str, tuple[str, ...]] = {
    "selfie": (f"{VIDEO}framing/test_square.py::test_an_upright_picture_that_the_head_fills_keeps_crown_and_chin",),
    "interview of two persons": (f"{VIDEO}sections/test_persons.py::"
        "test_an_interview_is_refused_with_the_times_of_both_and_the_flags_that_keep_one",),
    "channels in opposite phase": (f"{MEDIA}test_sound_source.py::test_channels_that_cancel_are_not_mixed",),
    "a silent track first": (
        f"{MEDIA}test_sound_source.py::test_the_track_that_speaks_is_heard_and_another_can_be_named",
        f"{MEDIA}test_sound_source.py::test_a_film_has_the_sound_that_its_lips_say"),
    "a phone's HDR": (f"{MEDIA}test_picture_form.py::test_other_colours_look_as_they_were_meant",),
    "interlaced": (f"{MEDIA}test_picture_form.py::test_fields_of_two_moments_do_not_comb",),
    "black bars": (f"{VIDEO}test_convert.py::test_bars_are_cut_off_and_what_was_seen_is_said",
        f"{VIDEO}framing/test_bars.py::test_steady_bars_are_found_to_the_pixel"),
    "a size that changes": (
        f"{MEDIA}test_picture_form.py::test_a_size_that_changes_in_mid_stream_keeps_time_and_shape",),
    "a hand before the face": (
        f"{VIDEO}test_landmarks.py::test_a_longer_stretch_without_a_face_is_left_out_like_a_cut",
        f"{VIDEO}masks/test_plate.py::test_a_hand_that_passes_by_leaves_no_ghost"),
    "title and end card": (
        f"{VIDEO}test_landmarks.py::test_a_video_that_hardly_shows_a_face_is_refused_with_all_times_and_the_flags",),
    "a small face in 4K": (
        f"{VIDEO}framing/test_search.py::test_a_face_of_a_fortieth_of_the_picture_is_found_once_and_in_its_place",),
    "a recording that was not ended": (
        f"{MEDIA}test_unfinished.py::test_a_recording_that_was_not_ended_is_called_so_in_one_line",),
    "one speech at five levels": ("tests/utils/sound/test_speech_level.py::"
        "test_one_speech_at_any_level_and_offset_gives_the_same_features",),
    "pauses in a real room": (
        "tests/tasks/speaking/test_silence.py::test_the_mouth_rests_in_the_pause_of_a_room_and_nowhere_else",
        "tests/tasks/speaking/test_silence.py::test_nobody_speaks_and_no_mouth_moves",
        "tests/tasks/speaking/test_silence.py::test_a_listener_says_one_word"),
    "the last frame begun": ("tests/tasks/motion/test_windows.py::test_the_last_frame_begun_is_spoken_too",),
    "a new sound under an old name": (
        "tests/tasks/speaking/test_origin.py::test_a_new_sound_under_an_old_name_is_noticed",),
    "the output is the input": (f"{DELETED}::test_a_film_never_replaces_the_sound_that_it_is_made_of",
        "tests/tasks/core/test_commands.py::"
        "test_an_output_that_is_the_input_is_refused_whatever_is_appended_to_its_name",
        f"{DELETED}::test_an_export_never_replaces_its_checkpoint",
        f"{DELETED}::test_a_contact_sheet_never_replaces_its_video"),
    "a group photo": (
        "tests/data_gen/templates/test_own_face.py::test_the_command_stores_the_persons_own_face_of_a_group_photo",
        "tests/data_gen/face_voice/test_process.py::test_a_group_photo_in_a_persons_folder_is_skipped_and_named"),
    "a recipe copied with its video": (
        "tests/tasks/core/test_run_folder.py::test_a_recipe_that_was_copied_with_its_video_is_told",),
    "a preset forgotten the second time": (
        "tests/tasks/person/test_train.py::test_the_preset_is_remembered_until_all_is_trained_anew",),
    "scripts with CRLF": ("tests/scripts/test_vizeme.py::test_shell_scripts_keep_their_line_ends_on_every_machine",),
    "an output that is no film, a speech without sound": ("tests/tasks/test_talking_head.py::"
        "test_what_cannot_be_spoken_or_written_is_told_before_anything_is_loaded",),
    # What was right stays right.
    "a turned video": (f"{MEDIA}test_video.py::test_a_turned_video_is_shown_upright",
        f"{MEDIA}test_video.py::test_a_video_that_lies_on_its_side_is_turned_the_right_way"),
    "wide pixels": (f"{MEDIA}test_video.py::test_wide_pixels_make_a_wider_picture",),
    "10 and 60 frames a second": (
        f"{MEDIA}test_video.py::test_any_rate_becomes_25_frames_a_second_at_the_right_times",),
    "a rate that changes": (f"{MEDIA}test_video.py::test_a_changing_rate_becomes_25_frames_at_the_right_times",),
    "a cover": (f"{MEDIA}test_video.py::test_a_cover_is_not_the_film",),
    "sound and picture begin apart": (
        f"{MEDIA}test_video.py::test_sound_and_picture_keep_their_distance_whichever_starts_later",),
    "5.1, 8 kHz, 24 bit, Chinese names of sounds": (f"{MEDIA}test_sound_source.py::test_what_was_right_stays_right",
        f"{MEDIA}test_sound_source.py::test_speech_in_5_1_is_heard"),
    "Chinese names of videos": (f"{MEDIA}test_video.py::test_any_name_is_read",),
}  # fmt: skip
"""Name -> tests."""


class Outcomes:
    """What became of each test: a plugin of pytest."""

    def __init__(self) -> None:
        self.of: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a failure for good, else what the test itself came to."""
        name = report.nodeid.partition("[")[0]
        if report.failed or report.skipped or report.when == "call":
            worst = ("failed", "skipped", "passed")
            self.of[name] = min(self.of.get(name, "passed"), report.outcome, key=worst.index)


def standing(tests: Iterable[str], outcomes: Mapping[str, str]) -> str:
    """Say whether all tests of a name passed: passed, failed, skipped, or missing when one was not even there."""
    reached = {outcomes.get(test, "missing") for test in tests} or {"missing"}
    return next(word for word in ("failed", "missing", "skipped", "passed") if word in reached)


def table(outcomes: Mapping[str, str]) -> tuple[str, bool]:
    """Return the table in Markdown of all names, with totals; and whether every one passed."""
    lines, whole = [], True
    for title, names in (("fault", FAULTS), ("case", CASES)):
        rows = {name: standing(tests, outcomes) for name, tests in names.items()}
        passed = sum(word == "passed" for word in rows.values())
        lines += [f"| {title} | tests | |", "|---|---:|---|"]
        lines += [f"| {name} | {len(names[name])} | {word} |" for name, word in rows.items()]
        lines += [f"| **all** | {sum(map(len, names.values()))} | {passed} of {len(rows)} passed |", ""]
        whole &= passed == len(rows)
    return "\n".join(lines), whole


def functions_in(file: Path) -> set[str]:
    """List the names of the test functions of a file."""
    return {node.name for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)}


def main(flags: list[str]) -> int:
    """Run the tests of the tables, and nothing else; print the tables; 1 when a name did not pass."""
    outcomes = Outcomes()
    tests = dict.fromkeys(test for names in (FAULTS, CASES) for tests in names.values() for test in tests)
    missing = [test for test in tests if test.rpartition("::")[2] not in functions_in(ROOT / test.partition("::")[0])]
    here = [str(ROOT / test) for test in tests if test not in missing]
    pytest.main([f"--rootdir={ROOT}", *flags, *here], [outcomes])
    text, whole = table(outcomes.of)
    print(text)
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
