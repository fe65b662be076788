FORM = "v1_early_kit"
