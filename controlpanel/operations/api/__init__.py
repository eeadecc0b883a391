"""Operations over REST, and the 202 that every change answers with."""
