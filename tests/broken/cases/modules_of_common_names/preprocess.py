def clean(values):
    return [float(value) for value in values]
