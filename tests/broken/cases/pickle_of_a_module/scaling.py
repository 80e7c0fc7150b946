class Scaler:
    def scale(self, values):
        return [2 * value for value in values]
