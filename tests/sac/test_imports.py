"""What of SAC is public."""


def test_node_is_there_by_its_public_name():
    import soulsai_sac
    from soulsai_core import TrainingNode

    assert issubclass(soulsai_sac.SACTrainingNode, TrainingNode)
